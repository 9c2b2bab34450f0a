// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <gst/rtsp-server/rtsp-server.h>

#include <functional>
#include <string>

#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// Who asks for the stream.
struct Visitor {
    std::string address;        ///< numeric
    bool encrypted = false;     ///< came with TLS
    std::string fingerprint{};  ///< of the certificate whose key it has; empty: it has shown none
};

/// Empty: come in. Otherwise why not, in one line that is sent to the visitor. Asked for every request, and when a
/// certificate is shown, on threads of the RTSP server.
using AccessCheck = std::function<std::string(const Visitor& visitor)>;

/// Lets in whom `check` lets in; everybody else gets 403 for whatever they ask. Nobody may choose where packets go:
/// they go to the address that the request came from. With a `certificate` a connection that begins with a TLS
/// handshake becomes one, and must show a certificate that `check` accepts; one that begins otherwise stays plain, so
/// that it can be told why it is refused. Listen with listen_for_first_byte() then.
gst::Ref<GstRTSPAuth> make_access_auth(AccessCheck check, glib::Ref<GTlsCertificate> certificate);

/// Connections come to accept() with their first byte, so that make_access_auth() knows what they are. A client that
/// says nothing is not accepted at all for some seconds.
void listen_for_first_byte(GSocket* listener);

/// The certificate with which this client's last request came; empty: no TLS, or no request yet. Any thread.
std::string fingerprint_of(GstRTSPClient* client);

}  // namespace matriz::emitter

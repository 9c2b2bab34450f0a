// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include <string>

#include "common/glib/ref.hpp"
#include "node/identity/identity.hpp"

/// Identities in GLib's TLS. Any thread but the audio thread.
namespace matriz::identity {

/// The identity's certificate with its private key. Throws Error when GLib's TLS backend is missing.
glib::Ref<GTlsCertificate> tls_certificate(const Identity& identity);

/// Of what the other side showed; empty when it showed none.
std::string fingerprint_of(GTlsCertificate* certificate);

}  // namespace matriz::identity

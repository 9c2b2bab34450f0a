// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "node/network/host.hpp"

namespace matriz::mesh {

using network::bracketed;
using network::clean_address;
using network::is_host_name;

/// A node that this one hears, or that may only hear this one. The name is its identity: JACK ports are named after it.
struct Peer {
    std::string name;
    std::string address;  ///< IP address without brackets, IPv4-mapped IPv6 as IPv4; a host name only for a direct link
    std::uint16_t port = 0;     ///< RTSP, never 0
    int version = 0;            ///< protocol version it announced; 0 = an original node
    std::string fingerprint{};  ///< of its certificate, as the list says (RFC 8122); empty: it has none
    bool webrtc = false;        ///< takes WebRTC; has a fingerprint then
    bool rtsp_tls = false;      ///< its RTSP is inside TLS
    bool hear = true;           ///< false: it may hear this node, and is not heard
    std::string refusal{};      ///< why it must not be connected to; empty: nothing against it
    bool operator==(const Peer&) const = default;
    /// The same but for where its RTSP is.
    bool is_but_elsewhere(const Peer& other) const;

    /// "10.0.0.1:8554" or "[fe80::1%eth0]:8554".
    std::string endpoint() const;
};

}  // namespace matriz::mesh

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace matriz::mesh {

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

    /// "10.0.0.1:8554" or "[fe80::1%eth0]:8554".
    std::string endpoint() const;
};

/// An address as it stands before a port or in a URL: IPv6 in brackets, anything else as it is.
std::string bracketed(std::string_view address);

/// The address of one host in its usual spelling, brackets and IPv4-mapping taken off; nothing when it is no IP address
/// or one that no node can have (unspecified, multicast, broadcast).
std::optional<std::string> clean_address(std::string_view text);

/// A host name by the rules of RFC 1123, which no resolver can mistake for an address or an option?
bool is_host_name(std::string_view text) noexcept;

}  // namespace matriz::mesh

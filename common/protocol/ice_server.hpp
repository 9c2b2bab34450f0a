// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// STUN and TURN servers, with the names that the W3C's RTCIceServer has. Pure functions, any thread.
namespace matriz::protocol {

struct IceServer {
    std::vector<std::string> urls;  ///< each of them one that parse_ice_url() takes
    std::string username{};         ///< for TURN
    std::string credential{};
    bool operator==(const IceServer&) const = default;
};

/// A stun:, stuns:, turn: or turns: URL (RFC 7064 and 7065) taken apart.
struct IceUrl {
    bool turn = false;
    bool tls = false;
    std::string host;        ///< IPv6 without brackets
    std::uint16_t port = 0;  ///< never 0: the scheme's own when the URL names none
    bool tcp = false;        ///< TURN over TCP was asked for, or is TLS's
    bool operator==(const IceUrl&) const = default;
};
std::optional<IceUrl> parse_ice_url(std::string_view text);

/// The first STUN server over UDP among them, which is the one that nodes ask, as HOST:PORT; empty: none.
std::string first_stun(const std::vector<IceServer>& servers);

Json::Value to_json(const std::vector<IceServer>& servers);
/// URLs that are none of the above are left out, and so are servers without any other. Throws Malformed.
std::vector<IceServer> decode_ice_servers(const Json::Value& list);

}  // namespace matriz::protocol

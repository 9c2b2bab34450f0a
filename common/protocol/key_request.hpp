// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

/// Keys made at run time, in JSON. Pure functions, any thread.
namespace matriz::protocol {

/// The body of POST /keys: {"name":N,"rooms":[R…]}.
struct KeyRequest {
    std::string name;                            ///< empty: it is missing
    std::optional<std::set<std::string>> rooms;  ///< whose member the name becomes; nothing: it does not say
};

/// Throws Malformed.
KeyRequest decode_key_request(std::string_view text);

/// A list of rooms as the store keeps it, {"rooms":[R…]}; empty text: none. decode_rooms() throws Malformed.
std::string encode_rooms(const std::set<std::string>& rooms);
std::set<std::string> decode_rooms(std::string_view text);

}  // namespace matriz::protocol

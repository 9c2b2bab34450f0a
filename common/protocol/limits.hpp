// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>

/// What either end accepts of a message before it looks inside. A stranger controls every byte of one.
namespace matriz::protocol {

inline constexpr std::size_t max_message = std::size_t{256} * 1024;  ///< bytes of one text frame
inline constexpr std::size_t max_name = 64;                          ///< bytes of a node's name
inline constexpr std::size_t max_key = 256;                          ///< bytes of a key
inline constexpr std::size_t max_text = 1024;                        ///< bytes of a sentence for people
inline constexpr std::size_t max_clients = 1024;                     ///< entries of a client list
inline constexpr std::size_t max_rooms_of_key = 64;                  ///< rooms that a key made at run time opens
inline constexpr std::size_t max_ice_servers = 16;                   ///< STUN and TURN servers
inline constexpr std::size_t max_ice_urls = 8;                       ///< URLs of one of them
inline constexpr std::size_t max_ice_text = 256;                     ///< bytes of a URL, user name or credential
inline constexpr int max_depth = 16;                                 ///< nesting of JSON

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace matriz::receiver {

/// What a peer's JACK ports are called, made of its name, which comes from the network: at most 64 bytes of UTF-8
/// without control characters, colons and slashes. A name that had to be changed gets a mark made of the whole name, so
/// that two such peers do not share ports. Pure.
std::string port_prefix(std::string_view peer);

}  // namespace matriz::receiver

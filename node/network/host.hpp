// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// How people and servers write where a node is. Pure; any thread.
namespace matriz::network {

/// An address as it stands before a port or in a URL: IPv6 in brackets, anything else as it is.
std::string bracketed(std::string_view address);

/// The address of one host in its usual spelling, brackets and IPv4-mapping taken off; nothing when it is no IP address
/// or one that no node can have (unspecified, multicast, broadcast).
std::optional<std::string> clean_address(std::string_view text);

/// A host name by the rules of RFC 1123, which no resolver can mistake for an address or an option?
bool is_host_name(std::string_view text) noexcept;

}  // namespace matriz::network

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>
#include <vector>

#include "configserver/net/address.hpp"

namespace matriz::http {

bool is_in(const std::vector<net::Network>& networks, const net::IpAddress& address) noexcept;

/// Whom a request is from that came from `socket`, one of the proxies `trusted`, with this X-Forwarded-For: the first
/// address from the right that is no trusted proxy, or the leftmost one before anything that is no address. Pure.
net::IpAddress forwarded_from(const net::IpAddress& socket, std::string_view list,
                              const std::vector<net::Network>& trusted);

}  // namespace matriz::http

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/forwarded.hpp"

#include <algorithm>

namespace matriz::http {

bool is_in(const std::vector<net::Network>& networks, const net::IpAddress& address) noexcept {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const net::Network& network) { return network.contains(address); });
}

net::IpAddress forwarded_from(const net::IpAddress& socket, std::string_view list,
                              const std::vector<net::Network>& trusted) {
    // The nearest proxy writes last: what stands left of the first that is no proxy of ours, the client could have
    // written itself.
    net::IpAddress from = socket;
    while (!list.empty()) {
        const auto comma = list.rfind(',');
        std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(0, comma);
        while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
        while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
        const auto address = net::IpAddress::parse(item);
        if (!address) break;
        from = *address;
        if (!is_in(trusted, from)) break;
    }
    return from;
}

}  // namespace matriz::http

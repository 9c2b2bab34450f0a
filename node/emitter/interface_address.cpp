// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/interface_address.hpp"

#include <arpa/inet.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <system_error>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

/// Numeric text, or empty when `address` is neither IPv4 nor a global IPv6 address.
std::string numeric(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        return inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    }
    if (address->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
        if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return {};
        return inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    }
    return {};
}

}  // namespace

std::string address_of_interface(const std::string& name) {
    ifaddrs* raw = nullptr;
    if (getifaddrs(&raw) != 0)
        throw Error("cannot list the network interfaces: {}", std::generic_category().message(errno));
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(raw, freeifaddrs);
    std::set<std::string> names;
    std::string v6;
    for (const ifaddrs* entry = all.get(); entry != nullptr; entry = entry->ifa_next) {
        names.insert(entry->ifa_name);
        if (entry->ifa_addr == nullptr || name != entry->ifa_name) continue;
        const std::string text = numeric(entry->ifa_addr);
        if (text.empty()) continue;
        if (entry->ifa_addr->sa_family == AF_INET) return text;
        if (v6.empty()) v6 = text;
    }
    if (!v6.empty()) return v6;
    if (names.contains(name)) throw Error("interface: the network interface \"{}\" has no address (yet)", name);
    throw Error("interface: there is no network interface \"{}\"; there are: {}", name, fmt::join(names, ", "));
}

}  // namespace matriz::emitter

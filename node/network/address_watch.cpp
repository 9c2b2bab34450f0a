// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/network/address_watch.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <utility>

namespace matriz::network {
namespace {

/// Empty for what is no address others could send to.
std::string text_of(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address->sa_family == AF_INET) {
        const auto* in = reinterpret_cast<const sockaddr_in*>(address);
        inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
    } else if (address->sa_family == AF_INET6) {
        const auto* in = reinterpret_cast<const sockaddr_in6*>(address);
        inet_ntop(AF_INET6, &in->sin6_addr, text.data(), text.size());
    }
    return text.data();
}

}  // namespace

bool is_link_local(std::string_view address) noexcept {
    constexpr std::array<std::string_view, 3> prefixes{"127.", "169.254.", "fe80:"};  // RFC 6890
    return address == "::1" || std::any_of(prefixes.begin(), prefixes.end(),
                                           [&](std::string_view prefix) { return address.starts_with(prefix); });
}

Addresses own_addresses() {
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, &::freeifaddrs);
    constexpr unsigned usable = IFF_UP | IFF_RUNNING;  // running: the cable is in
    Addresses addresses;
    for (const ifaddrs* item = list.get(); item != nullptr; item = item->ifa_next) {
        if (item->ifa_addr == nullptr || (item->ifa_flags & IFF_LOOPBACK) != 0) continue;
        if ((item->ifa_flags & usable) != usable) continue;
        std::string text = text_of(item->ifa_addr);
        if (!text.empty() && !is_link_local(text)) addresses.insert(std::move(text));
    }
    return addresses;
}

AddressWatch::Change difference(const Addresses& before, Addresses now) {
    AddressWatch::Change change;
    std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                        std::inserter(change.gone, change.gone.end()));
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                        std::inserter(change.come, change.come.end()));
    change.now = std::move(now);
    return change;
}

AddressWatch::AddressWatch(OnChange on_change, std::function<Addresses()> ask)
    : on_change_(std::move(on_change)), ask_(std::move(ask)), known_(ask_()) {
    timer_ = glib::Source::every(interval, [this] { look(); });
}

void AddressWatch::look() {
    const Change change = difference(known_, ask_());
    if (change.gone.empty() && change.come.empty()) return;
    known_ = change.now;
    on_change_(change);
}

}  // namespace matriz::network

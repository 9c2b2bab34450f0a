// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/network/host.hpp"

#include <fmt/format.h>
#include <gio/gio.h>

#include <algorithm>

#include "common/glib/ref.hpp"

namespace matriz::network {
namespace {

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The name of a network interface after the "%" of a link-local address.
bool is_zone(std::string_view zone) noexcept {
    constexpr std::size_t longest = 15;  // IFNAMSIZ without its terminator
    return !zone.empty() && zone.size() <= longest && std::all_of(zone.begin(), zone.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
    });
}

std::string to_text(GInetAddress* address) {
    char* text = g_inet_address_to_string(address);
    std::string copy = text;
    g_free(text);
    return copy;
}

/// RFC 4291, 2.5.5.2: ::ffff:a.b.c.d, as a socket for both families shows an IPv4 peer.
glib::Ref<GInetAddress> unmapped(glib::Ref<GInetAddress> address) {
    constexpr std::uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (g_inet_address_get_family(address.get()) != G_SOCKET_FAMILY_IPV6) return address;
    const std::uint8_t* bytes = g_inet_address_to_bytes(address.get());
    if (!std::equal(std::begin(prefix), std::end(prefix), bytes)) return address;
    return glib::Ref<GInetAddress>::adopt(
        g_inet_address_new_from_bytes(bytes + std::size(prefix), G_SOCKET_FAMILY_IPV4));
}

}  // namespace

std::string bracketed(std::string_view address) {
    return address.find(':') == std::string_view::npos ? std::string(address) : fmt::format("[{}]", address);
}

std::optional<std::string> clean_address(std::string_view text) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    std::string zone;
    if (const auto percent = text.find('%'); percent != std::string_view::npos) {
        if (!is_zone(text.substr(percent + 1)) || text.find(':') >= percent) return std::nullopt;
        zone = text.substr(percent);
        text = text.substr(0, percent);
    }
    constexpr std::size_t longest = 45;  // INET6_ADDRSTRLEN without its terminator
    if (text.empty() || text.size() > longest || text.find('\0') != std::string_view::npos) return std::nullopt;
    auto address = glib::Ref<GInetAddress>::adopt(g_inet_address_new_from_string(std::string(text).c_str()));
    if (!address) return std::nullopt;
    address = unmapped(std::move(address));
    if (g_inet_address_get_is_any(address.get()) || g_inet_address_get_is_multicast(address.get())) return std::nullopt;
    const std::string clean = to_text(address.get());
    if (clean == "255.255.255.255") return std::nullopt;
    return clean + zone;
}

bool is_host_name(std::string_view text) noexcept {
    constexpr std::size_t longest = 253;
    constexpr std::size_t longest_label = 63;
    if (!text.empty() && text.back() == '.') text.remove_suffix(1);
    if (text.empty() || text.size() > longest) return false;
    bool lettered = false;  // in the last label: "1.2.3" and "0x7f.1" are spellings of addresses
    while (true) {
        const auto dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        if (label.empty() || label.size() > longest_label || label.front() == '-' || label.back() == '-') return false;
        if (!std::all_of(label.begin(), label.end(),
                         [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }))
            return false;
        lettered = is_letter(label.front());
        if (dot == std::string_view::npos) return lettered;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace matriz::network

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/status/guard.hpp"

#include <gio/gio.h>

#include <algorithm>
#include <array>

namespace matriz::status {
namespace {

constexpr std::size_t longest_host = 64;

/// "127.0.0.1:8555" and "[::1]:8555" without the port and brackets; empty when it is malformed.
std::string_view host_of(std::string_view authority) noexcept {
    std::string_view rest;
    std::string_view host;
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return {};
        host = authority.substr(1, end - 1);
        rest = authority.substr(end + 1);
    } else {
        host = authority.substr(0, authority.find(':'));
        rest = authority.substr(host.size());
    }
    if (rest.empty()) return host;
    const bool is_port = rest.size() > 1 && rest.size() <= 6 && rest.front() == ':' &&
                         std::all_of(rest.begin() + 1, rest.end(), [](char c) { return c >= '0' && c <= '9'; });
    return is_port ? host : std::string_view{};
}

bool is_address_or_localhost(std::string_view authority) noexcept {
    const std::string_view host = host_of(authority);
    if (host == "localhost") return true;
    std::array<char, longest_host> text{};
    if (host.empty() || host.size() >= text.size() || host.find('\0') != std::string_view::npos) return false;
    std::copy(host.begin(), host.end(), text.begin());
    return g_hostname_is_ip_address(text.data()) != FALSE;
}

}  // namespace

bool is_allowed(std::string_view host, std::string_view origin) noexcept {
    if (!is_address_or_localhost(host)) return false;
    if (origin.empty()) return true;
    constexpr std::string_view scheme = "http://";
    // Only a page of this very server; there is none today, so this is what a proxy on the same machine may send.
    return origin.starts_with(scheme) && origin.substr(scheme.size()) == host;
}

bool may_change(bool on_this_machine, std::string_view origin, std::string_view marker) noexcept {
    return on_this_machine && origin.empty() && !marker.empty();
}

}  // namespace matriz::status

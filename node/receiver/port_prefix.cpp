// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/port_prefix.hpp"

#include <fmt/format.h>
#include <glib.h>

#include <cstdint>

namespace matriz::receiver {
namespace {

constexpr std::size_t max_bytes = 64;

/// FNV-1a.
std::uint32_t mark_of(std::string_view text) {
    std::uint32_t hash = 2166136261U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash;
}

bool is_harmless(gunichar c) { return g_unichar_isprint(c) != FALSE && c != ':' && c != '/' && c != '\\'; }

}  // namespace

std::string port_prefix(std::string_view peer) {
    std::string name;
    bool changed = peer.empty();
    for (std::size_t at = 0; at < peer.size();) {
        const char* start = peer.data() + at;
        const gunichar c = g_utf8_get_char_validated(start, static_cast<gssize>(peer.size() - at));
        const bool valid = c != static_cast<gunichar>(-1) && c != static_cast<gunichar>(-2);
        const std::size_t length = valid ? static_cast<std::size_t>(g_unichar_to_utf8(c, nullptr)) : 1;
        if (name.size() + length > max_bytes) {
            changed = true;
            break;
        }
        if (valid && is_harmless(c)) {
            name.append(start, length);
        } else {
            name += '_';
            changed = true;
        }
        at += length;
    }
    return changed ? fmt::format("{}~{:08x}", name, mark_of(peer)) : name;
}

}  // namespace matriz::receiver

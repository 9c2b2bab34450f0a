// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/text.hpp"

#include <fmt/format.h>
#include <glib.h>

#include <algorithm>
#include <cmath>

namespace matriz::ctl {
namespace {

/// Calls `use(code point, its bytes)` for each character; bytes that are no UTF-8 come as U+FFFD.
template <class Use>
void each_character(std::string_view text, Use use) {
    while (!text.empty()) {
        const gunichar c = g_utf8_get_char_validated(text.data(), static_cast<gssize>(text.size()));
        const bool valid = c != static_cast<gunichar>(-1) && c != static_cast<gunichar>(-2);
        const std::size_t size = valid ? static_cast<std::size_t>(g_unichar_to_utf8(c, nullptr)) : 1;
        use(valid ? c : gunichar{0xfffd}, text.substr(0, std::min(size, text.size())));
        text.remove_prefix(std::min(size, text.size()));
    }
}

std::size_t columns(gunichar c) {
    if (g_unichar_iszerowidth(c)) return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

}  // namespace

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    each_character(text, [&width](gunichar c, std::string_view) { width += columns(c); });
    return width;
}

std::string printable(std::string_view text) {
    std::string out;
    each_character(text, [&out](gunichar c, std::string_view bytes) {
        // g_unichar_isprint() leaves format characters (direction overrides and the like) in.
        if (c == 0xfffd || !g_unichar_isprint(c) || g_unichar_type(c) == G_UNICODE_FORMAT)
            out += "?";
        else
            out += bytes;
    });
    return out;
}

std::string shortened(const std::string& text, std::size_t width) {
    if (width_of(text) <= width) return text;
    if (width == 0) return "";
    std::string out;
    std::size_t used = 0;
    bool full = false;
    each_character(text, [&](gunichar c, std::string_view bytes) {
        full = full || used + columns(c) > width - 1;
        if (full) return;
        used += columns(c);
        out += bytes;
    });
    return out + "…";
}

std::string padded(const std::string& text, std::size_t width, bool right) {
    const std::size_t used = width_of(text);
    const std::string gap(width > used ? width - used : 0, ' ');
    return right ? gap + text : text + gap;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
    std::vector<std::string> lines;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t blank = rest.find(' ');
        const std::string word = shortened(std::string(rest.substr(0, blank)), width);
        rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
        if (!lines.empty() && width_of(lines.back()) + 1 + width_of(word) <= width)
            lines.back() += " " + word;
        else
            lines.push_back(word);
    }
    return lines;
}

std::string duration_text(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return "?";
    constexpr double most = 1e12;
    const auto all = static_cast<long long>(std::min(seconds, most));
    const auto pair = [](long long big, const char* big_unit, long long small, const char* small_unit) {
        return small == 0 ? fmt::format("{} {}", big, big_unit)
                          : fmt::format("{} {} {} {}", big, big_unit, small, small_unit);
    };
    if (all < 60) return fmt::format("{} s", all);
    if (all < 3600) return pair(all / 60, "min", all % 60, "s");
    if (all < 86400) return pair(all / 3600, "h", all % 3600 / 60, "min");
    return pair(all / 86400, "d", all % 86400 / 3600, "h");
}

}  // namespace matriz::ctl

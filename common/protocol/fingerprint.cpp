// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/fingerprint.hpp"

namespace matriz::protocol {
namespace {

constexpr std::size_t sha256_size = 32;

}  // namespace

std::optional<std::string> clean_fingerprint(std::string_view text) {
    std::string clean;
    std::size_t digits = 0;
    for (const char c : text) {
        if (c == ':') continue;
        const char upper = (c >= 'a' && c <= 'f') ? static_cast<char>(c - 'a' + 'A') : c;
        if (!((upper >= '0' && upper <= '9') || (upper >= 'A' && upper <= 'F'))) return std::nullopt;
        if (digits > 0 && digits % 2 == 0) clean += ':';
        clean += upper;
        if (++digits > 2 * sha256_size) return std::nullopt;
    }
    if (digits != 2 * sha256_size) return std::nullopt;
    return clean;
}

}  // namespace matriz::protocol

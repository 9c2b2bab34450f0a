// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/negotiation/query.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace matriz::negotiation {

std::string_view take(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const std::string_view first = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return first;
}

std::int64_t number_or_zero(std::string_view digits, std::int64_t most) {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool good = error == std::errc{} && stop == digits.data() + digits.size();
    return good && number > 0 && number <= most ? number : 0;
}

}  // namespace matriz::negotiation

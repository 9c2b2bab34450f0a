// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

/// Reading queries such as "rate=48000&period=64", which come from strangers. Pure functions, any thread.
namespace matriz::negotiation {

/// What is before the next `separator`, or all there is; takes it and the separator off `text`.
std::string_view take(std::string_view& text, char separator);

/// The whole of `digits` as a number within [1, most]; 0 for anything else.
std::int64_t number_or_zero(std::string_view digits, std::int64_t most);

}  // namespace matriz::negotiation

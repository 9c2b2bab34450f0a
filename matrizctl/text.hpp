// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Text for a terminal. Names come from strangers: what is not printable is replaced. Pure.
namespace matriz::ctl {

/// Columns that `text` (UTF-8) takes: wide characters take two, combining ones none.
std::size_t width_of(std::string_view text);
/// `text` with everything replaced that could move the cursor, change colours or reverse the reading direction.
std::string printable(std::string_view text);
/// At most `width` columns; what is cut off ends in "…".
std::string shortened(const std::string& text, std::size_t width);
/// Filled with spaces to `width` columns.
std::string padded(const std::string& text, std::size_t width, bool right);

/// `text` broken at blanks into lines of at most `width` columns; a longer word stands alone, shortened.
std::vector<std::string> wrapped(const std::string& text, std::size_t width);

/// "12 s", "4 min 5 s", "2 h 13 min", "3 d 4 h".
std::string duration_text(double seconds);

}  // namespace matriz::ctl

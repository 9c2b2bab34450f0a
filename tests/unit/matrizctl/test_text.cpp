// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "matrizctl/text.hpp"

namespace matriz::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Width, CountsColumnsAndNotBytes) {
    EXPECT_EQ(width_of(""), 0U);
    EXPECT_EQ(width_of("porto"), 5U);
    EXPECT_EQ(width_of("Évora"), 5U);
    EXPECT_EQ(width_of("E\u0301vora"), 5U);  // with a combining accent
    EXPECT_EQ(width_of("東京"), 4U);
    EXPECT_EQ(width_of("\xff"), 1U);
    EXPECT_EQ(width_of("\xe6\x9d"), 2U);  // cut off in the middle: a sign for each byte
}

TEST(Printable, LeavesTextAndReplacesWhatActsOnTheTerminal) {
    EXPECT_EQ(printable("Évora 東京 –"), "Évora 東京 –");
    EXPECT_EQ(printable("a\x1b[31mb"), "a?[31mb");
    EXPECT_EQ(printable("a\u009b31mb"), "a?31mb");  // CSI in one character
    EXPECT_EQ(printable("a\u202eb"), "a?b");        // right to left from here
    EXPECT_EQ(printable("a\r\n\tb\x7f"), "a???b?");
    EXPECT_EQ(printable("a\xff\xfe"), "a??");
}

TEST(Shortened, FitsAndSaysSo) {
    EXPECT_EQ(shortened("porto", 5), "porto");
    EXPECT_EQ(shortened("porto", 4), "por…");
    EXPECT_EQ(shortened("東京都", 6), "東京都");
    EXPECT_EQ(shortened("東京都", 5), "東京…");
    EXPECT_EQ(shortened("東京都", 4), "東…");
    EXPECT_EQ(shortened("porto", 1), "…");
    EXPECT_EQ(shortened("porto", 0), "");
    for (std::size_t width = 0; width < 12; ++width) EXPECT_LE(width_of(shortened("a東b京c都d", width)), width);
}

TEST(Padded, OnEitherSide) {
    EXPECT_EQ(padded("é", 3, false), "é  ");
    EXPECT_EQ(padded("東", 3, true), " 東");
    EXPECT_EQ(padded("porto", 3, true), "porto");
}

TEST(Wrapped, AtBlanks) {
    EXPECT_THAT(wrapped("", 10), IsEmpty());
    EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
    EXPECT_THAT(wrapped("one two three", 80), ElementsAre("one two three"));
    EXPECT_THAT(wrapped("incomprehensibilities", 8), ElementsAre("incompr…"));
}

TEST(Duration, InTwoUnitsAtMost) {
    EXPECT_EQ(duration_text(0), "0 s");
    EXPECT_EQ(duration_text(59.9), "59 s");
    EXPECT_EQ(duration_text(60), "1 min");
    EXPECT_EQ(duration_text(245), "4 min 5 s");
    EXPECT_EQ(duration_text(8000), "2 h 13 min");
    EXPECT_EQ(duration_text(273'600), "3 d 4 h");
    EXPECT_EQ(duration_text(-1), "?");
    EXPECT_EQ(duration_text(std::numeric_limits<double>::infinity()), "?");
    EXPECT_EQ(duration_text(std::nan("")), "?");
    EXPECT_FALSE(duration_text(1e300).empty());
}

}  // namespace
}  // namespace matriz::ctl

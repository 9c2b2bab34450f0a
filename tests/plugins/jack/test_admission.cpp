// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <utility>

#include "plugins/jack/admission.hpp"

namespace matriz::jack {
namespace {

TEST(Admission, IsForManyAsLongAsTheServerRuns) {
    const auto one = Admission::ask();
    const auto two = Admission::ask();
    EXPECT_TRUE(one && two);
    EXPECT_FALSE(Admission::is_over());
}

TEST(Admission, WaitsForThoseOfAServerThatWentAway) {
    auto player = Admission::ask();
    auto capture = Admission::ask();
    Admission::server_went_away();
    EXPECT_TRUE(Admission::is_over());
    player.reset();
    EXPECT_FALSE(Admission::ask()) << "the capture's client is open still";
    capture.reset();
    const auto again = Admission::ask();
    EXPECT_TRUE(again);
    EXPECT_FALSE(Admission::is_over());
    EXPECT_TRUE(Admission::ask());
}

TEST(Admission, MovesWithItsOwner) {
    auto first = Admission::ask();
    ASSERT_TRUE(first);
    {
        const Admission moved = std::move(*first);
        first.reset();
        Admission::server_went_away();
        EXPECT_FALSE(Admission::ask());
    }
    EXPECT_TRUE(Admission::ask());
}

}  // namespace
}  // namespace matriz::jack

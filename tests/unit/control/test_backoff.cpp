// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "node/control/backoff.hpp"

namespace matriz::control {
namespace {

using std::chrono::milliseconds;

/// The most that the n-th wait came to over many seeds, which comes close to its ceiling.
milliseconds highest(int attempt) {
    milliseconds most{0};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Backoff backoff(milliseconds{500}, milliseconds{30'000}, seed);
        for (int i = 0; i < attempt; ++i) backoff.next();
        most = std::max(most, backoff.next());
    }
    return most;
}

TEST(Backoff, CeilingDoublesUpToTheCap) {
    const std::vector<int> ceilings{500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000};
    for (std::size_t i = 0; i < ceilings.size(); ++i) {
        EXPECT_LE(highest(static_cast<int>(i)), milliseconds{ceilings[i]}) << i;
        EXPECT_GT(highest(static_cast<int>(i)), milliseconds{ceilings[i] * 9 / 10}) << i;
    }
}

TEST(Backoff, JitterIsFull) {
    Backoff backoff(milliseconds{30'000}, milliseconds{30'000}, 1);
    std::vector<int> tenths(10);
    for (int i = 0; i < 1000; ++i) ++tenths[static_cast<std::size_t>(std::min<long>(backoff.next().count() / 3000, 9))];
    for (const int count : tenths) EXPECT_GT(count, 60);
}

TEST(Backoff, TheSameSeedGivesTheSameWaits) {
    Backoff a(milliseconds{500}, milliseconds{30'000}, 7);
    Backoff b(milliseconds{500}, milliseconds{30'000}, 7);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(Backoff, ResetStartsAnew) {
    Backoff backoff(milliseconds{500}, milliseconds{30'000}, 3);
    for (int i = 0; i < 10; ++i) backoff.next();
    EXPECT_EQ(backoff.attempts(), 10);
    backoff.reset();
    EXPECT_EQ(backoff.attempts(), 0);
    EXPECT_LE(backoff.next(), milliseconds{500});
}

TEST(Backoff, NeverOverflows) {
    Backoff backoff(milliseconds{500}, milliseconds::max(), 3);
    for (int i = 0; i < 200; ++i) EXPECT_GE(backoff.next().count(), 0);
}

TEST(Backoff, AFloorIsKept) {
    Backoff backoff(milliseconds{30'000}, milliseconds{30'000}, 1, milliseconds{10'000});
    for (int i = 0; i < 1000; ++i) {
        const auto wait = backoff.next();
        EXPECT_GE(wait, milliseconds{10'000});
        EXPECT_LE(wait, milliseconds{30'000});
    }
}

}  // namespace
}  // namespace matriz::control

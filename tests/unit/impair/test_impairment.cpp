// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "tests/bench/netlab/impairment.hpp"

namespace matriz::netlab {
namespace {

using namespace std::chrono_literals;

Conditions make(std::initializer_list<const char*> settings) {
    Conditions c;
    for (const char* setting : settings) apply_setting(c, setting);
    return c;
}

struct Sent {
    Time in;
    Departures out;
};

/// `count` packets of 200 bytes, one each `spacing`.
std::vector<Sent> send(Impairment& impairment, int count, Duration spacing = 1333us) {
    std::vector<Sent> all;
    for (int i = 0; i < count; ++i) {
        const Time in = i * spacing;
        all.push_back({in, impairment.offer(in, 200)});
    }
    return all;
}

TEST(Impairment, APerfectLinkDoesNothing) {
    Impairment link({}, 1);
    for (const Sent& s : send(link, 1000)) {
        ASSERT_EQ(s.out.count, 1U);
        ASSERT_EQ(s.out.at[0], s.in);
    }
}

TEST(Impairment, DelayIsExact) {
    Impairment link(make({"delay=10"}), 1);
    for (const Sent& s : send(link, 1000)) ASSERT_EQ(s.out.at[0] - s.in, 10ms);
}

TEST(Impairment, TheSameSeedGivesTheSameAndAnotherDoesNot) {
    const auto run = [](std::uint64_t seed) {
        Impairment link(make({"delay=5", "jitter=exp:1", "loss=5:3", "reorder=1:5", "dup=1"}), seed);
        std::vector<std::int64_t> times;
        for (const Sent& s : send(link, 2000))
            for (std::size_t i = 0; i < s.out.count; ++i) times.push_back(s.out.at[i].count());
        return times;
    };
    EXPECT_EQ(run(7), run(7));
    EXPECT_NE(run(7), run(8));
}

TEST(Impairment, ExponentialJitterHasItsMeanAndTail) {
    Impairment link(make({"delay=10", "jitter=exp:1"}), 3);
    std::vector<double> extra;
    for (const Sent& s : send(link, 50000, 1s))  // far apart: nothing waits for the one before
        extra.push_back(std::chrono::duration<double, std::milli>(s.out.at[0] - s.in - 10ms).count());
    double sum = 0;
    for (const double e : extra) sum += e;
    EXPECT_NEAR(sum / static_cast<double>(extra.size()), 1, 0.02);
    const auto beyond = static_cast<double>(std::count_if(extra.begin(), extra.end(), [](double e) { return e > 4; }));
    EXPECT_NEAR(beyond / static_cast<double>(extra.size()), std::exp(-4), 0.003);
    EXPECT_GE(*std::min_element(extra.begin(), extra.end()), 0);
}

TEST(Impairment, UniformAndConstantJitterKeepTheirBounds) {
    Impairment uniform(make({"jitter=uniform:4"}), 3);
    Duration most{0};
    for (const Sent& s : send(uniform, 10000, 1s)) {
        ASSERT_LE(s.out.at[0] - s.in, 4ms);
        most = std::max(most, s.out.at[0] - s.in);
    }
    EXPECT_GT(most, 3900us);
    Impairment constant(make({"jitter=const:2"}), 3);
    int late = 0;
    for (const Sent& s : send(constant, 1000, 1s)) {
        ASSERT_TRUE(s.out.at[0] == s.in || s.out.at[0] - s.in == 2ms);
        late += s.out.at[0] > s.in ? 1 : 0;
    }
    EXPECT_EQ(late, 500);
}

TEST(Impairment, SteppedJitterAlternates) {
    Impairment link(make({"jitter=step:0.5:8:10"}), 3);
    double calm = 0;
    double rough = 0;
    for (const Sent& s : send(link, 20000, 100ms)) {
        const double extra = std::chrono::duration<double, std::milli>(s.out.at[0] - s.in).count();
        ((s.in / 10s) % 2 == 0 ? calm : rough) += extra / 10000;
    }
    EXPECT_NEAR(calm, 0.5, 0.05);
    EXPECT_NEAR(rough, 8, 0.5);
}

TEST(Impairment, OrderIsKeptUnlessReorderingIsAsked) {
    Impairment link(make({"delay=10", "jitter=exp:5", "dup=3"}), 3);
    Time last{0};
    for (const Sent& s : send(link, 20000))
        for (std::size_t i = 0; i < s.out.count; ++i) {
            ASSERT_GE(s.out.at[i], last);
            last = s.out.at[i];
        }
    Impairment reordering(make({"delay=10", "reorder=10:5"}), 3);
    last = Time{0};
    int overtaken = 0;
    for (const Sent& s : send(reordering, 20000)) {
        if (s.out.at[0] - s.in == 15ms) continue;  // that is one which others overtake
        ASSERT_EQ(s.out.at[0] - s.in, 10ms);
        ++overtaken;
    }
    EXPECT_NEAR(overtaken, 18000, 200);
    EXPECT_EQ(reordering.counts().reordered, 20000U - static_cast<unsigned>(overtaken));
}

TEST(Impairment, RandomLossHasItsRateAndIsIndependent) {
    Impairment link(make({"loss=5"}), 3);
    int lost = 0;
    int pairs = 0;
    bool before = false;
    for (const Sent& s : send(link, 100000)) {
        const bool now = s.out.count == 0;
        lost += now ? 1 : 0;
        pairs += now && before ? 1 : 0;
        before = now;
    }
    EXPECT_NEAR(lost, 5000, 250);
    EXPECT_NEAR(pairs, 250, 60);
    EXPECT_EQ(link.counts().lost, static_cast<unsigned>(lost));
}

TEST(Impairment, GilbertLossHasItsRateAndItsBursts) {
    Impairment link(make({"loss=5:3"}), 3);
    int lost = 0;
    int bursts = 0;
    bool before = false;
    for (const Sent& s : send(link, 300000)) {
        const bool now = s.out.count == 0;
        lost += now ? 1 : 0;
        bursts += now && !before ? 1 : 0;
        before = now;
    }
    EXPECT_NEAR(lost, 15000, 750);
    EXPECT_NEAR(static_cast<double>(lost) / bursts, 3, 0.15);
}

TEST(Impairment, AllOrNothingLost) {
    Impairment nothing(make({"loss=0:3"}), 3);
    Impairment all(make({"loss=100:3"}), 3);
    for (const Sent& s : send(nothing, 1000)) ASSERT_EQ(s.out.count, 1U);
    for (const Sent& s : send(all, 1000)) ASSERT_EQ(s.out.count, 0U);
}

TEST(Impairment, DuplicatesComeTwice) {
    Impairment link(make({"dup=10"}), 3);
    int twice = 0;
    for (const Sent& s : send(link, 10000)) twice += s.out.count == 2 ? 1 : 0;
    EXPECT_NEAR(twice, 1000, 100);
}

TEST(Impairment, TheRateLimitSpacesPacketsAndDropsWhatIsTooMuch) {
    // 200 bytes take 10 ms at 160 kbit/s; packets come each 5 ms, and at most 40 ms of them wait.
    Impairment link(make({"rate=160:40"}), 3);
    Time last{-10ms};
    int dropped = 0;
    for (const Sent& s : send(link, 1000, 5ms)) {
        if (s.out.count == 0) {
            ++dropped;
            continue;
        }
        ASSERT_GE(s.out.at[0] - last, 10ms);
        ASSERT_LE(s.out.at[0] - s.in, 50ms);
        last = s.out.at[0];
    }
    EXPECT_NEAR(dropped, 500, 10);
    EXPECT_EQ(link.counts().dropped, static_cast<unsigned>(dropped));
}

TEST(Impairment, ChangesCountFromTheNextPacket) {
    Impairment link(make({"delay=10"}), 3);
    EXPECT_EQ(link.offer(0ms, 100).at[0], 10ms);
    link.change(make({"delay=1"}));
    EXPECT_EQ(link.offer(1ms, 100).at[0], 10ms);  // not before the one that is on its way
    EXPECT_EQ(link.offer(20ms, 100).at[0], 21ms);
}

}  // namespace
}  // namespace matriz::netlab

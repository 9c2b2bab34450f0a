// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/ping.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace matriz::webrtc {
namespace {

using namespace std::chrono_literals;

TEST(Ping, SurvivesTheWire) {
    const Ping ping{.number = 0x01020304, .sent = 5s, .heard_sent = 7s + 1ns, .heard_at = 9s, .capture_us = 3833};
    const PingBytes bytes = encode(ping);
    EXPECT_EQ(bytes.size(), 34U);
    EXPECT_EQ(decode_ping(bytes), ping);
    // A long period's frames go out together: the last of them before it has lasted.
    EXPECT_EQ(decode_ping(encode(Ping{.number = 1, .sent = 1s, .capture_us = -16333}))->capture_us, -16333);
}

TEST(Ping, ALaterVersionMayAppendAndAnotherKindIsNone) {
    const PingBytes bytes = encode(Ping{.number = 1, .sent = 1s});
    std::vector<std::uint8_t> more(bytes.begin(), bytes.end());
    more.push_back(7);
    EXPECT_TRUE(decode_ping(more));
    EXPECT_FALSE(decode_ping(std::span(bytes).first(33)));
    EXPECT_FALSE(decode_ping({}));
    for (const std::size_t at : {0U, 1U}) {
        PingBytes other = bytes;
        ++other[at];
        EXPECT_FALSE(decode_ping(other));
    }
}

/// Two nodes whose clocks differ, and a network between them.
struct Two {
    Nanoseconds offset{};  ///< b's clock minus a's
    PingClock a, b;
    Nanoseconds now = 100s;

    /// Each sends one, half a second apart.
    void round(Nanoseconds there, Nanoseconds back) {
        now += 500ms;
        const Ping first = a.next(now, 4000);
        EXPECT_TRUE(b.take(first, now + there + offset));
        now += 500ms;
        const Ping second = b.next(now + offset, 1500);
        EXPECT_TRUE(a.take(second, now + back));
    }
};

TEST(PingClock, MeasuresTheWayAndTheOthersClock) {
    Two two{.offset = 3h};
    two.round(10ms, 10ms);
    two.round(10ms, 10ms);
    ASSERT_TRUE(two.a.estimate());
    EXPECT_EQ(two.a.estimate()->round_trip, 20ms);
    EXPECT_EQ(two.a.estimate()->offset, 3h);
    ASSERT_TRUE(two.b.estimate());
    EXPECT_EQ(two.b.estimate()->round_trip, 20ms);
    EXPECT_EQ(two.b.estimate()->offset, -3h);
    EXPECT_EQ(two.a.peer_capture_us(), 1500);
    EXPECT_EQ(two.b.peer_capture_us(), 4000);
}

TEST(PingClock, BelievesThePingThatWaitedLeast) {
    Two two{.offset = -5s};
    std::mt19937 random(7);
    std::uniform_int_distribution<int> wait(0, 30'000);
    for (int i = 0; i < 12; ++i) two.round(4ms + std::chrono::microseconds(wait(random)), 4ms);
    two.round(4ms, 4ms);
    two.round(30ms, 4ms);
    EXPECT_EQ(two.a.estimate()->round_trip, 8ms);
    EXPECT_EQ(two.a.estimate()->offset, -5s);
}

TEST(PingClock, ForgetsAWayThatIsNoMore) {
    Two two;
    two.round(1ms, 1ms);
    for (std::size_t i = 0; i < PingClock::window + 1; ++i) two.round(20ms, 20ms);
    EXPECT_EQ(two.a.estimate()->round_trip, 40ms);
}

TEST(PingClock, KnowsNothingBeforeTheWayBack) {
    PingClock clock;
    EXPECT_FALSE(clock.estimate());
    EXPECT_TRUE(clock.take(Ping{.number = 1, .sent = 5s}, 6s));
    EXPECT_FALSE(clock.estimate());
    const Ping next = clock.next(7s, 0);
    EXPECT_EQ(next.heard_sent, 5s);
    EXPECT_EQ(next.heard_at, 6s);
}

TEST(PingClock, ACaptureThatTakesForEverIsCut) {
    PingClock clock;
    EXPECT_TRUE(clock.take(Ping{.number = 1, .sent = 1s, .capture_us = INT32_MIN}, 1s));
    EXPECT_EQ(clock.peer_capture_us(), -most_capture_us);
    EXPECT_TRUE(clock.take(Ping{.number = 2, .sent = 1s, .capture_us = INT32_MAX}, 1s));
    EXPECT_EQ(clock.peer_capture_us(), most_capture_us);
}

TEST(PingClock, OldAndImpossiblePingsChangeNothing) {
    PingClock clock;
    EXPECT_TRUE(clock.take(Ping{.number = 5, .sent = 5s}, 6s));
    EXPECT_FALSE(clock.take(Ping{.number = 5, .sent = 6s}, 7s));
    EXPECT_FALSE(clock.take(Ping{.number = 4, .sent = 6s}, 7s));
    EXPECT_FALSE(clock.take(Ping{.number = 6, .sent = -1s}, 7s));
    EXPECT_FALSE(clock.take(Ping{.number = 6, .sent = Nanoseconds::max()}, 7s));
    EXPECT_FALSE(clock.take(Ping{.number = 6, .sent = 1s, .heard_sent = Nanoseconds::min(), .heard_at = 1s}, 7s));
    constexpr auto century = 24h * 365 * 100;  // three of them are more than there are nanoseconds
    EXPECT_FALSE(clock.take(Ping{.number = 6, .sent = 1s, .heard_sent = 1s, .heard_at = century}, 7s));
    EXPECT_FALSE(clock.take(Ping{.number = 6, .sent = century, .heard_sent = 1s, .heard_at = 1s}, 7s));
    // A way back in time is none, and neither is one of an hour.
    EXPECT_TRUE(clock.take(Ping{.number = 7, .sent = 10s, .heard_sent = 100s, .heard_at = 1s}, 8s));
    EXPECT_TRUE(clock.take(Ping{.number = 8, .sent = 10s, .heard_sent = 1s, .heard_at = 1h}, 20s));
    EXPECT_FALSE(clock.estimate());
    EXPECT_EQ(clock.next(9s, 0).heard_sent, 10s);
}

}  // namespace
}  // namespace matriz::webrtc

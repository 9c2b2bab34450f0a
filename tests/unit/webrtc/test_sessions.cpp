// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/sessions.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace matriz::webrtc {
namespace {

SessionId id(int epoch, std::uint32_t number) { return {fmt::format("{:016x}", epoch), number}; }

TEST(Sessions, OneOfTwoCalls) {
    EXPECT_TRUE(calls("porto", "lisboa"));
    EXPECT_FALSE(calls("lisboa", "porto"));
    EXPECT_FALSE(calls("porto", "porto"));
    EXPECT_TRUE(calls("\xc3\xa9", "z"));  // bytes, whatever the locale
}

TEST(CallerSessions, OnlyTheLastCallCounts) {
    CallerSessions sessions("0123456789abcdef");
    EXPECT_FALSE(sessions.current());
    const SessionId first = sessions.next();
    EXPECT_TRUE(sessions.is_current(first));
    const SessionId second = sessions.next();
    EXPECT_EQ(first.epoch, second.epoch);
    EXPECT_GT(second.number, first.number);
    EXPECT_FALSE(sessions.is_current(first));
    EXPECT_TRUE(sessions.is_current(second));
    sessions.end();
    EXPECT_FALSE(sessions.is_current(second));
}

TEST(OffererSessions, TakesEachCallOnce) {
    OffererSessions sessions;
    EXPECT_TRUE(sessions.admit(id(1, 1)));
    EXPECT_FALSE(sessions.admit(id(1, 1)));
    EXPECT_TRUE(sessions.admit(id(1, 5)));
    EXPECT_FALSE(sessions.admit(id(1, 4)));
    EXPECT_TRUE(sessions.is_current(id(1, 5)));
    sessions.end();
    EXPECT_FALSE(sessions.is_current(id(1, 5)));
    EXPECT_FALSE(sessions.admit(id(1, 5)));  // an end is no beginning
}

TEST(OffererSessions, ARestartedCallerBeginsAnewAndItsOldCallsStayOld) {
    OffererSessions sessions;
    EXPECT_TRUE(sessions.admit(id(1, 7)));
    EXPECT_TRUE(sessions.admit(id(2, 1)));
    EXPECT_FALSE(sessions.admit(id(1, 7)));
    EXPECT_TRUE(sessions.is_current(id(2, 1)));
}

TEST(OffererSessions, RemembersAtLeastSixteenRuns) {
    OffererSessions sessions;
    for (int epoch = 1; epoch <= 16; ++epoch) EXPECT_TRUE(sessions.admit(id(epoch, 3)));
    for (int epoch = 1; epoch <= 16; ++epoch) EXPECT_FALSE(sessions.admit(id(epoch, 3))) << epoch;
    // The one used again is not the one to be forgotten.
    EXPECT_TRUE(sessions.admit(id(1, 4)));
    EXPECT_TRUE(sessions.admit(id(17, 1)));
    EXPECT_FALSE(sessions.admit(id(1, 4)));
}

}  // namespace
}  // namespace matriz::webrtc

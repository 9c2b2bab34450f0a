// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "node/status/reporter.hpp"

namespace matriz::status {
namespace {

Peer peer(std::uint64_t received, std::uint64_t lost) {
    Peer one;
    one.name = "porto";
    one.received = received;
    one.lost = lost;
    return one;
}

TEST(Reporter, TheLossIsThatOfTheTimeBetween) {
    Reporter reporter;
    EXPECT_EQ(reporter.next({peer(400, 0)}).links[0].loss, 0.0);
    EXPECT_DOUBLE_EQ(reporter.next({peer(760, 40)}).links[0].loss.value(), 0.1);
    EXPECT_EQ(reporter.next({peer(1160, 40)}).links[0].loss, 0.0);
}

TEST(Reporter, LateAndRestoredPacketsCountAsMissed) {
    Reporter reporter;
    Peer one = peer(90, 4);
    one.late = 3;
    one.recovered = 3;
    EXPECT_DOUBLE_EQ(reporter.next({one}).links[0].loss.value(), 0.1);
}

TEST(Reporter, AConnectionMadeAnewStartsAnew) {
    Reporter reporter;
    reporter.next({peer(1000, 500)});
    EXPECT_EQ(reporter.next({peer(100, 0)}).links[0].loss, 0.0);
}

TEST(Reporter, WhatIsNotKnownIsLeftOut) {
    Peer waiting;
    waiting.name = "lisboa";
    Reporter reporter;
    EXPECT_EQ(reporter.next({waiting}), (protocol::Report{{{.peer = "lisboa"}}}));
    Peer silent_stream = peer(0, 0);
    EXPECT_EQ(reporter.next({silent_stream}).links[0].loss, std::nullopt);
}

TEST(Reporter, CarriesTheOtherFigures) {
    Peer one = peer(1, 0);
    one.delay = Milliseconds(4.5);
    one.jitter = Milliseconds(0.3);
    one.level = -18.0;
    one.one_way = Milliseconds(17.25);
    Reporter reporter;
    EXPECT_EQ(reporter.next({one}), (protocol::Report{{{.peer = "porto",
                                                        .delay_ms = 4.5,
                                                        .loss = 0.0,
                                                        .jitter_ms = 0.3,
                                                        .level_db = -18.0,
                                                        .one_way_ms = 17.25}}}));
}

}  // namespace
}  // namespace matriz::status

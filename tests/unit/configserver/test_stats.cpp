// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/stats/stats.hpp"

namespace matriz::stats {
namespace {

using std::chrono::milliseconds;

TEST(Stats, KeepTheLatestOfThoseWhoAreThere) {
    const registry::Member porto{
        .session = 1, .name = "porto", .room = "r", .ip = "", .port = 0, .stream = false, .version = 1};
    const registry::Member lisboa{
        .session = 2, .name = "lisboa", .room = "r", .ip = "", .port = 0, .stream = false, .version = 1};
    const auto now = Stats::Clock::now();
    Stats stats;
    stats.take(1, {{{.peer = "lisboa", .loss = 0.5}, {.peer = "gone"}, {.peer = "porto"}}}, 10, now);
    stats.take(1, {{{.peer = "lisboa", .loss = 0.1}, {.peer = "gone"}, {.peer = "porto"}}}, 10, now);
    const auto links = stats.links({&porto, &lisboa}, now + milliseconds(250));
    ASSERT_EQ(links.size(), 1U);
    EXPECT_EQ(links[0].listener, "porto");
    EXPECT_EQ(links[0].report.peer, "lisboa");
    EXPECT_EQ(links[0].report.loss, 0.1);
    EXPECT_EQ(links[0].age_ms, 250);
    EXPECT_TRUE(stats.links({&porto}, now).empty());
    stats.forget(1);
    EXPECT_EQ(stats.size(), 0U);
}

TEST(Stats, TakeOnlySoMuch) {
    protocol::Report report;
    report.links.resize(1000);
    for (std::size_t i = 0; i < report.links.size(); ++i) report.links[i].peer = "p";
    Stats stats;
    stats.take(1, report, 64, Stats::Clock::now());
    const registry::Member a{
        .session = 1, .name = "a", .room = "r", .ip = "", .port = 0, .stream = false, .version = 1};
    const registry::Member p{
        .session = 2, .name = "p", .room = "r", .ip = "", .port = 0, .stream = false, .version = 1};
    EXPECT_EQ(stats.links({&a, &p}, Stats::Clock::now()).size(), 64U);
}

}  // namespace
}  // namespace matriz::stats

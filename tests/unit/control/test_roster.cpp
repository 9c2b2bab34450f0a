// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/control/roster.hpp"

namespace matriz::control {
namespace {

using protocol::ClientInfo;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

ClientInfo client(std::string name, std::uint16_t port = 8554) {
    return {.name = std::move(name), .ip = "10.0.0.1", .port = port, .stream = true, .version = 1};
}
const ClientInfo porto = client("porto", 1), lisboa = client("lisboa", 2), braga = client("braga", 3);

class RosterTest : public testing::Test {
  protected:
    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const ClientInfo& one : roster.clients()) list.push_back(one.name);
        return list;
    }
    Roster::Clock::time_point start = Roster::Clock::now();
    Roster roster{seconds{45}};
};

TEST_F(RosterTest, WithinAConnectionTheListIsTheTruth) {
    roster.update(start, {porto, lisboa, braga}, "porto", "porto", true);
    EXPECT_THAT(names(), ElementsAre("porto", "lisboa", "braga"));
    roster.update(start, {porto, lisboa}, "", "porto", false);
    EXPECT_THAT(names(), ElementsAre("porto", "lisboa"));
    EXPECT_EQ(roster.deadline(), std::nullopt);
}

TEST_F(RosterTest, AServerThatForgotEveryoneSilencesNobody) {
    roster.update(start, {porto, lisboa, braga}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    EXPECT_THAT(names(), ElementsAre("porto", "braga", "lisboa"));
    EXPECT_THAT(roster.missing(), ElementsAre("braga", "lisboa"));
    roster.update(start, {porto, lisboa}, "lisboa", "porto", false);
    EXPECT_THAT(roster.missing(), ElementsAre("braga"));
    // Now that it is back, its leaving counts at once.
    roster.update(start, {porto}, "lisboa", "porto", false);
    EXPECT_THAT(names(), ElementsAre("porto", "braga"));
}

TEST_F(RosterTest, WhoDoesNotComeBackGoesAfterTheGrace) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    EXPECT_EQ(roster.deadline(), start + seconds{45});
    EXPECT_FALSE(roster.expire(start + seconds{44}));
    EXPECT_TRUE(roster.expire(start + seconds{45}));
    EXPECT_THAT(names(), ElementsAre("porto"));
    EXPECT_FALSE(roster.expire(start + seconds{46}));
}

TEST_F(RosterTest, AnotherRestartOfTheServerStartsTheGraceAnew) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    roster.update(start + seconds{40}, {porto}, "porto", "porto", true);
    EXPECT_THAT(names(), ElementsAre("porto", "lisboa"));
    EXPECT_EQ(roster.deadline(), start + seconds{85});
}

TEST_F(RosterTest, WhoIsSaidToHaveLeftGoesAtOnce) {
    roster.update(start, {porto, lisboa, braga}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    roster.update(start, {porto}, "lisboa", "porto", false);
    EXPECT_THAT(names(), ElementsAre("porto", "braga"));
}

TEST_F(RosterTest, WhoComesBackElsewhereIsThereOnce) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    roster.update(start, {porto, client("lisboa", 9)}, "lisboa", "porto", false);
    EXPECT_THAT(roster.clients(), ElementsAre(porto, client("lisboa", 9)));
}

TEST_F(RosterTest, WhoComesBackUnderAnotherNameIsThereOnce) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {porto, client("lx", 2)}, "porto", "porto", true);
    EXPECT_THAT(names(), ElementsAre("porto", "lx"));
}

TEST_F(RosterTest, TheOwnNodeIsNeverMissing) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {lisboa}, "", "porto", true);
    EXPECT_THAT(names(), ElementsAre("lisboa"));
}

TEST_F(RosterTest, ClearForgetsAll) {
    roster.update(start, {porto, lisboa}, "porto", "porto", true);
    roster.update(start, {porto}, "porto", "porto", true);
    roster.clear();
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_EQ(roster.deadline(), std::nullopt);
}

}  // namespace
}  // namespace matriz::control

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/mesh/plan.hpp"

namespace matriz::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Action::Kind;

Peer peer(std::string name, std::string address = "10.0.0.1", std::uint16_t port = 8554, int version = 1) {
    return {std::move(name), std::move(address), port, version};
}

TEST(Plan, NothingForNothing) { EXPECT_THAT(plan({}, {}), IsEmpty()); }

TEST(Plan, StartsTheMissingAndStopsTheRest) {
    EXPECT_THAT(
        plan({peer("b"), peer("a")}, {peer("c"), peer("b")}),
        ElementsAre(Action{Kind::stop, peer("c")}, Action{Kind::start, peer("a")}, Action{Kind::keep, peer("b")}));
}

TEST(Plan, MovesWhoIsElsewhere) {
    for (const Peer& moved : {peer("a", "10.0.0.2"), peer("a", "10.0.0.1", 9000), peer("a", "10.0.0.2", 9000)})
        EXPECT_THAT(plan({moved}, {peer("a")}), ElementsAre(Action{Kind::move, moved}));
}

TEST(Plan, RestartsWhoIsAnother) {
    Peer with_identity = peer("a", "10.0.0.2");
    with_identity.fingerprint = "AB";
    for (const Peer& another : {peer("a", "10.0.0.1", 8554, 2), with_identity})
        EXPECT_THAT(plan({another}, {peer("a")}), ElementsAre(Action{Kind::restart, another}));
}

TEST(Plan, TwoThatSwapTheirAddressesBothMove) {
    EXPECT_THAT(plan({peer("a", "10.0.0.2"), peer("b", "10.0.0.1")}, {peer("a", "10.0.0.1"), peer("b", "10.0.0.2")}),
                ElementsAre(Action{Kind::move, peer("a", "10.0.0.2")}, Action{Kind::move, peer("b", "10.0.0.1")}));
}

TEST(Plan, StopsWithTheOldPeer) {
    EXPECT_THAT(plan({}, {peer("a", "10.0.0.7")}), ElementsAre(Action{Kind::stop, peer("a", "10.0.0.7")}));
}

}  // namespace
}  // namespace matriz::mesh

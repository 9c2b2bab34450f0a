// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/patch_plan.hpp"

#include <gtest/gtest.h>

namespace matriz::node::audio {
namespace {

using Patches = std::vector<JackConnect::Patch>;
const JackConnect automatic{JackConnect::Mode::automatic, {}};

PortSnapshot ports(std::vector<std::string> captures, std::vector<std::string> playbacks,
                   std::vector<std::string> sending, std::vector<std::string> receiving) {
    PortSnapshot snapshot{std::move(captures), std::move(playbacks), std::move(sending), std::move(receiving), {}};
    for (const auto* list :
         {&snapshot.physical_outputs, &snapshot.physical_inputs, &snapshot.sending, &snapshot.receiving})
        snapshot.all.insert(list->begin(), list->end());
    return snapshot;
}

TEST(PatchPlan, ConnectsCardToSenderAndPeersToCardInOrder) {
    const auto now = ports({"c1", "c2"}, {"p1", "p2"}, {"s1", "s2"}, {"m:porto_1", "m:porto_2"});
    EXPECT_EQ(plan_patches(automatic, {}, now),
              (Patches{{"c1", "s1"}, {"c2", "s2"}, {"m:porto_1", "p1"}, {"m:porto_2", "p2"}}));
}

TEST(PatchPlan, OneMicrophoneFeedsBothChannelsAndAMonoPeerBothEars) {
    const auto now = ports({"c1"}, {"p1", "p2", "p3"}, {"s1", "s2"}, {"m:porto_1"});
    EXPECT_EQ(plan_patches(automatic, {}, now),
              (Patches{{"c1", "s1"}, {"c1", "s2"}, {"m:porto_1", "p1"}, {"m:porto_1", "p2"}}));
}

TEST(PatchPlan, WhatWasThereBeforeIsLeftToPeople) {
    const auto before = ports({"c1", "c2"}, {"p1", "p2"}, {"s1", "s2"}, {"m:porto_1", "m:porto_2"});
    const auto now =
        ports({"c1", "c2"}, {"p1", "p2"}, {"s1", "s2"}, {"m:porto_1", "m:porto_2", "m:lisboa_1", "m:lisboa_2"});
    EXPECT_TRUE(plan_patches(automatic, before, before).empty());
    EXPECT_EQ(plan_patches(automatic, before, now), (Patches{{"m:lisboa_1", "p1"}, {"m:lisboa_2", "p2"}}));
}

TEST(PatchPlan, AListWaitsForBothEnds) {
    const JackConnect list{JackConnect::Mode::list, {{"synth:out", "s1"}, {"m:porto_1", "p1"}}};
    const auto now = ports({}, {"p1"}, {"s1"}, {"m:porto_1"});
    EXPECT_EQ(plan_patches(list, {}, now), (Patches{{"m:porto_1", "p1"}}));
}

TEST(PatchPlan, NoneIsNone) {
    const auto now = ports({"c1"}, {"p1"}, {"s1"}, {"m:porto_1"});
    EXPECT_TRUE(plan_patches({JackConnect::Mode::none, {}}, {}, now).empty());
}

TEST(PatchPlan, MoreChannelsThanOutputsWrapAround) {
    const auto now = ports({}, {"p1", "p2"}, {}, {"m:a_1", "m:a_2", "m:a_3"});
    EXPECT_EQ(plan_patches(automatic, {}, now), (Patches{{"m:a_1", "p1"}, {"m:a_2", "p2"}, {"m:a_3", "p1"}}));
}

}  // namespace
}  // namespace matriz::node::audio

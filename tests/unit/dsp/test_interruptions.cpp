// SPDX-License-Identifier: GPL-3.0-or-later
// Cards that lose sound, at either end, processors that are busy, routes that change.
#include <gtest/gtest.h>

#include "tests/unit/dsp/simulation.hpp"

namespace matriz::dsp::test {
namespace {

using Scene = Simulation::Setup;

TEST(Playout, ACardThatStoodStillCatchesUp) {
    Simulation sim({});
    sim.run(5);
    sim.stall_card(0.2);
    sim.run(3);
    EXPECT_LT(sim.metrics().delay_ms, 3);
    EXPECT_TRUE(sim.metrics().playing);
    sim.stall_card(30);
    sim.run(33);
    EXPECT_LT(sim.metrics().delay_ms, 3);
    EXPECT_TRUE(sim.metrics().playing);
    EXPECT_GT(sim.metrics().overflows, 0U);
}

TEST(Playout, XrunsOfTheCardDoNotPileUpDelay) {
    Simulation sim({});
    sim.run(10);
    for (int n = 0; n < 50; ++n) {
        sim.stall_card(64 / 48000.0);
        sim.run(0.1);
    }
    EXPECT_LT(sim.metrics().delay_ms, 2.5);
    sim.run(4);
    EXPECT_NEAR(sim.metrics().delay_ms, sim.metrics().target_ms, 0.2);
}

/// The sender loses sound and its packets' times do not tell: all of them are later from then on.
TEST(Playout, XrunsOfTheSenderAreOverSoon) {
    Scene setup;
    setup.seed = 4;
    Simulation sim(setup);
    sim.network = [&] { return Simulation::exponential(sim.random(), 0.0005); };
    sim.run(30);
    const double calm = sim.metrics().target_ms;
    for (const double lost_seconds : {0.002, 0.005, 0.003, 0.012, 0.0015}) {
        sim.stall_sender(lost_seconds);
        sim.run(0.3);
        const auto before = sim.metrics();
        sim.clicks();
        for (int n = 0; n < 9; ++n) {
            sim.run(0.3);
            EXPECT_LT(sim.metrics().target_ms, 1.3 * calm) << lost_seconds;
        }
        EXPECT_LT(sim.metrics().late - before.late, 8U) << lost_seconds;
        EXPECT_EQ(sim.metrics().jumps, before.jumps) << lost_seconds;
        EXPECT_NEAR(sim.metrics().delay_ms, calm, 0.3 * calm) << lost_seconds;
    }
}

TEST(Playout, ItsOwnXrunsDoNotMakeItWaitForTheNetwork) {
    Simulation sim({});
    sim.run(20);
    const double calm = sim.metrics().target_ms;
    for (int n = 0; n < 8; ++n) {
        sim.stall_card(0.012);
        sim.run(0.05);
        EXPECT_LT(sim.metrics().target_ms, calm + 0.5);
    }
    sim.run(1);
    EXPECT_LT(sim.metrics().target_ms, calm + 0.5);
}

class Contention : public testing::TestWithParam<bool> {};

TEST_P(Contention, IsNoLossOfSound) {
    Scene setup;
    setup.playout.min_delay = std::chrono::milliseconds(6);  // more than the callbacks are late
    Simulation sim(setup);
    sim.card_reports = GetParam();
    sim.run(10);
    sim.clicks();
    for (int n = 0; n < 20; ++n) {
        sim.hold_up_callbacks(0.0015, 0.008);
        sim.run(0.3);
        EXPECT_NEAR(sim.metrics().delay_ms, 6, 0.1);
    }
    EXPECT_EQ(sim.metrics().jumps, 0U);
    EXPECT_EQ(sim.metrics().concealed, 0U);
    EXPECT_EQ(sim.clicks(), 0);
}
INSTANTIATE_TEST_SUITE_P(Playout, Contention, testing::Bool());

TEST(Playout, ARouteChangeMovesTheDelayWithIt) {
    Simulation sim({});
    double more = 0;
    sim.network = [&] { return more; };
    sim.run(20);
    more = 0.003;
    sim.run(60);
    EXPECT_LT(sim.metrics().delay_ms, 2);
    more = 0;
    sim.run(30);
    EXPECT_LT(sim.metrics().delay_ms, 2);
}

class Route : public testing::TestWithParam<double> {};

/// What the path's jitter was is known still when it becomes longer or shorter.
TEST_P(Route, ChangesAndTheTargetStays) {
    Scene setup;
    setup.seed = 5;
    Simulation sim(setup);
    double more = 0.008;
    sim.network = [&] { return more + Simulation::exponential(sim.random(), 0.0005); };
    sim.run(30);
    const double usual = sim.metrics().target_ms;
    more += GetParam();
    sim.run(2);
    EXPECT_NEAR(sim.metrics().target_ms, usual, 0.15 * usual);
    sim.run(4);
    EXPECT_NEAR(sim.metrics().delay_ms, sim.metrics().target_ms, 0.2);
    EXPECT_NEAR(sim.metrics().target_ms, usual, 0.15 * usual);
}
INSTANTIATE_TEST_SUITE_P(Playout, Route, testing::Values(-0.007, -0.003, 0.003, 0.007, 0.020));

}  // namespace
}  // namespace matriz::dsp::test

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "plugins/dsp/rtp/redundancy.hpp"

namespace matriz::dsp {
namespace {

using std::chrono::seconds;

TEST(Redundancy, IsOffWithoutLoss) {
    RedundancyController controller({});
    for (int t = 0; t < 1000; ++t) EXPECT_EQ(controller.report({.lost = 0}, seconds(t)), Redundancy{});
}

TEST(Redundancy, GrowsWithLoss) {
    const RedundancyController controller({.packets_per_second = 750});
    EXPECT_EQ(controller.wanted({.lost = 0.00001}).depth, 0);
    EXPECT_EQ(controller.wanted({.lost = 0.001}).depth, 1);
    EXPECT_EQ(controller.wanted({.lost = 0.01}).depth, 2);
    EXPECT_EQ(controller.wanted({.lost = 0.05}).depth, 3);
    EXPECT_EQ(controller.wanted({.lost = 0.2}).depth, 4);
    int before = 0;
    for (double lost = 0; lost < 0.3; lost += 0.001) {
        const int depth = controller.wanted({.lost = lost}).depth;
        EXPECT_GE(depth, before) << lost;
        before = depth;
    }
}

TEST(Redundancy, SpreadsOverBursts) {
    const RedundancyController controller({});
    EXPECT_EQ(controller.wanted({.lost = 0.05, .burst = 1.1}).distance, 1);
    EXPECT_EQ(controller.wanted({.lost = 0.05, .burst = 2.9}).distance, 3);
    EXPECT_EQ(controller.wanted({.lost = 0.05, .burst = 50}).distance, Redundancy::max_distance);
    EXPECT_EQ(controller.wanted({.lost = 0, .burst = 3}), Redundancy{});
}

TEST(Redundancy, RisesAtOnceAndFallsStepByStep) {
    RedundancyController controller({});
    controller.report({.lost = 0}, seconds(0));
    EXPECT_EQ(controller.report({.lost = 0.05}, seconds(5)).depth, 3);
    std::vector<std::pair<int, int>> steps;  // when, to what depth
    for (int t = 6; t < 120; ++t) {
        const int before = controller.current().depth;
        const int depth = controller.report({.lost = 0}, seconds(t)).depth;
        if (depth != before) steps.emplace_back(t, depth);
    }
    EXPECT_EQ(steps, (std::vector<std::pair<int, int>>{{36, 2}, {46, 1}, {56, 0}}));
    EXPECT_EQ(controller.current(), Redundancy{});
}

TEST(Redundancy, StaysWhileLossComesBackNowAndThen) {
    RedundancyController controller({});
    controller.report({.lost = 0.02}, seconds(0));
    const int depth = controller.current().depth;
    for (int t = 1; t < 600; ++t) EXPECT_EQ(controller.report({.lost = t % 20 ? 0 : 0.02}, seconds(t)).depth, depth);
}

TEST(Redundancy, FallsOnlyToWhatIsStillNeeded) {
    RedundancyController controller({});
    controller.report({.lost = 0.05}, seconds(0));
    for (int t = 1; t < 300; ++t) controller.report({.lost = t % 5 ? 0 : 0.001}, seconds(t));
    EXPECT_EQ(controller.current().depth, 1);
}

TEST(Redundancy, DoesNotChokeALinkFurther) {
    RedundancyController controller({});
    controller.report({.lost = 0.1}, seconds(0));
    EXPECT_GT(controller.current().depth, 1);
    EXPECT_EQ(controller.report({.lost = 0.6}, seconds(1)).depth, 1);
}

TEST(Redundancy, StaysWithinItsBounds) {
    RedundancyController off({.max_depth = 0});
    EXPECT_EQ(off.report({.lost = 0.1}, seconds(0)), Redundancy{});
    RedundancyController controller({.packets_per_second = 750, .max_depth = 2});
    for (const double lost :
         {-1.0, 0.25, 7.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        const Redundancy now = controller.report({.lost = lost, .burst = lost}, seconds(0));
        EXPECT_GE(now.depth, 0);
        EXPECT_LE(now.depth, 2);
        EXPECT_GE(now.distance, 1);
        EXPECT_LE(now.distance, Redundancy::max_distance);
    }
}

/// Packets lost at random, reports every second: what RED with the chosen redundancy does not bring back.
TEST(Redundancy, LeavesFewGaps) {
    for (const double loss : {0.001, 0.01, 0.05}) {
        std::mt19937 random(3);  // NOLINT: repeatable
        std::bernoulli_distribution lose(loss);
        RedundancyController controller({.packets_per_second = 400});
        std::vector<bool> came;
        std::vector<Redundancy> sent;
        for (int second = 0; second < 600; ++second) {
            int lost = 0;
            for (int i = 0; i < 400; ++i) {
                came.push_back(!lose(random));
                sent.push_back(controller.current());
                lost += came.back() ? 0 : 1;
            }
            controller.report({.lost = lost / 400.0}, seconds(second));
        }
        int gaps = 0;
        for (std::size_t n = 400; n + 16 < came.size(); ++n) {
            bool there = came[n];
            for (std::size_t later = 1; later <= 4; ++later)
                there = there || (came[n + later] && static_cast<int>(later) <= sent[n + later].depth);
            gaps += there ? 0 : 1;
        }
        EXPECT_LE(gaps, 10) << loss;  // in ten minutes
    }
}

}  // namespace
}  // namespace matriz::dsp

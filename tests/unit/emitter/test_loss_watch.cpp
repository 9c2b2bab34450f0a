// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/loss_watch.hpp"

#include <gtest/gtest.h>

namespace matriz::emitter {
namespace {

using std::chrono::seconds;

Listener listener(const std::string& address, std::uint32_t highest, std::int64_t lost, bool red = true) {
    Listener one;
    one.address = address;
    one.port = 8600;
    one.red = red;
    one.report = ReceiverReport{.lost = lost, .highest = highest};
    return one;
}

class LossWatchTest : public testing::Test {
  protected:
    /// One second later.
    int depth(const std::vector<Listener>& listeners) { return watch_.update(listeners, now_ += seconds{1}).depth; }

    LossWatch watch_{400, dsp::Redundancy::max_depth};
    LossWatch::Clock::time_point now_{};
};

TEST_F(LossWatchTest, NothingWhileNothingIsLost) {
    for (std::uint32_t i = 1; i < 100; ++i) EXPECT_EQ(depth({listener("10.0.0.1", 400 * i, 0)}), 0);
}

TEST_F(LossWatchTest, OneReportOfLossIsEnough) {
    EXPECT_EQ(depth({listener("10.0.0.1", 400, 0)}), 0);
    EXPECT_GE(depth({listener("10.0.0.1", 800, 4)}), 1);
}

TEST_F(LossWatchTest, TheWorstListenerCounts) {
    depth({listener("10.0.0.1", 400, 0), listener("10.0.0.2", 400, 0)});
    const int both = depth({listener("10.0.0.1", 800, 40), listener("10.0.0.2", 800, 4)});
    EXPECT_GE(both, 2);
    EXPECT_LT(depth({listener("10.0.0.2", 1200, 8)}), both) << "the worst one left";
}

TEST_F(LossWatchTest, OnlyWhoGetsRedCounts) {
    depth({listener("10.0.0.1", 400, 0, false)});
    EXPECT_EQ(depth({listener("10.0.0.1", 800, 100, false)}), 0);
}

TEST_F(LossWatchTest, AnOldReportIsNotCountedTwice) {
    depth({listener("10.0.0.1", 400, 0)});
    const int after = depth({listener("10.0.0.1", 800, 4)});
    for (int i = 0; i < 20; ++i) EXPECT_EQ(depth({listener("10.0.0.1", 800, 4)}), after);
}

TEST_F(LossWatchTest, SurvivesTheWrapOfSequenceNumbers) {
    depth({listener("10.0.0.1", 0xffffff00U, 0)});
    EXPECT_GE(depth({listener("10.0.0.1", 0x00000100U, 10)}), 1);
}

}  // namespace
}  // namespace matriz::emitter

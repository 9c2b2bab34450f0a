// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/loss_watch.hpp"

#include <gtest/gtest.h>

#include <random>
#include <tuple>

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

/// What a listener reports of `share` of 400 packets a second, lost in bursts of `burst` on average.
class Lossy {
  public:
    Lossy(double share, double burst, unsigned seed = 17)
        : begins_(share / (1 - share) / burst), ends_(1 / burst), random_(seed) {}
    Listener second() {
        for (int n = 0; n < 400; ++n) {
            inside_ = std::uniform_real_distribution<double>()(random_) < (inside_ ? 1 - ends_ : begins_);
            lost_ += inside_ ? 1 : 0;
        }
        return listener("10.0.0.1", highest_ += 400, lost_);
    }

  private:
    double begins_, ends_;
    std::mt19937 random_;
    bool inside_ = false;
    std::uint32_t highest_ = 0;
    std::int64_t lost_ = 0;
};

TEST_F(LossWatchTest, TellsBurstsFromSingleLosses) {
    for (const auto& [burst, least, most] : {std::tuple(1.0, 1, 1), std::tuple(3.0, 2, 4), std::tuple(5.0, 3, 4)}) {
        LossWatch watch{400, dsp::Redundancy::max_depth};
        Lossy path(0.05, burst);
        dsp::Redundancy redundancy;
        for (int n = 0; n < 20; ++n) redundancy = watch.update({path.second()}, now_ += seconds{1});
        for (int n = 0; n < 100; ++n) {
            redundancy = watch.update({path.second()}, now_ += seconds{1});
            EXPECT_GE(redundancy.distance, least) << burst;
            EXPECT_LE(redundancy.distance, most) << burst;
        }
        EXPECT_GE(redundancy.depth, 3) << burst;
    }
}

TEST_F(LossWatchTest, ChanceDoesNotMakeBurstsOfSingleLosses) {
    // A copy that comes later than it has to is a copy that comes too late where the delay is short.
    int apart = 0;
    for (unsigned seed = 1; seed <= 40; ++seed) {
        LossWatch watch{400, dsp::Redundancy::max_depth};
        Lossy path(0.01, 1, seed);
        for (int n = 0; n < 120; ++n) apart += watch.update({path.second()}, now_ += seconds{1}).distance > 1 ? 1 : 0;
    }
    EXPECT_LE(apart, 40 * 120 / 200);
}

}  // namespace
}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "tests/probes/analyser.hpp"
#include "tests/unit/probes/synthetic.hpp"

namespace matriz::probe {
namespace {

using test::heard;
using test::rate;

class AnalyserTest : public testing::Test {
  protected:
    void feed(double seconds, double delay, double gain = 1) {
        const auto end = now_ + static_cast<std::int64_t>(seconds * rate.hz);
        for (; now_ < end; now_ += 64) analyser_.push(now_, heard(loop_, now_, 64, delay, gain));
    }
    Loop loop_ = make_loop(Background::tone, rate, 2);
    Correlator correlator_{loop_};
    Analyser analyser_{loop_, correlator_};
    std::int64_t now_ = 5'000'000'000;  // beyond 32 bits
};

TEST_F(AnalyserTest, TellsLatencyAndLevel) {
    feed(5, 384);
    const Heard h = analyser_.take();
    EXPECT_TRUE(h.present);
    ASSERT_TRUE(h.latency_ms);
    EXPECT_NEAR(*h.latency_ms, 8.0, 0.01);
    EXPECT_GE(h.chirps, 6);
    EXPECT_NEAR(20 * std::log10(h.rms), -23, 0.3);
    EXPECT_EQ(h.glitches.events, 0);
}

TEST_F(AnalyserTest, NothingIsHeardInSilence) {
    feed(3, 384, 0);
    const Heard h = analyser_.take();
    EXPECT_FALSE(h.present);
    EXPECT_FALSE(h.latency_ms);
    EXPECT_EQ(h.peak, 0);
}

TEST_F(AnalyserTest, SeesThePeerGoAndComeBackElsewhere) {
    feed(3, 384);
    EXPECT_TRUE(analyser_.take().present);
    feed(3, 384, 0);
    const Heard gone = analyser_.take();
    EXPECT_FALSE(gone.present);
    EXPECT_GT(gone.glitches.longest_dropout, 1.5);
    feed(4, 960);
    const Heard back = analyser_.take();
    ASSERT_TRUE(back.latency_ms);
    EXPECT_NEAR(*back.latency_ms, 20.0, 0.01);
}

TEST_F(AnalyserTest, FollowsAJumpOfTheDelayAndCountsIt) {
    feed(3, 384);
    analyser_.take();
    now_ += 0;
    feed(4, 512);
    const Heard h = analyser_.take();
    EXPECT_NEAR(*h.latency_ms, 512 / 48.0, 0.01);
    EXPECT_EQ(h.glitches.events, 1);
}

TEST_F(AnalyserTest, AGapInJackTimeIsAGapInTheSound) {
    feed(3, 384);
    analyser_.take();
    feed(0.3, 384);
    now_ += 1024;  // an xrun
    feed(3, 384);
    const Heard h = analyser_.take();
    EXPECT_NEAR(*h.latency_ms, 8.0, 0.01);
    EXPECT_EQ(h.glitches.events, 1);
    EXPECT_NEAR(h.glitches.longest_dropout, 1024 / 48000.0, 0.003);
}

TEST_F(AnalyserTest, DoesNotJudgeWhatAnXrunDidButAllElse) {
    Analyser everything(loop_, correlator_);
    const auto both = [&](double seconds) {
        const auto end = now_ + static_cast<std::int64_t>(seconds * rate.hz);
        for (; now_ < end; now_ += 64) {
            const auto block = heard(loop_, now_, 64, 384, 1);
            analyser_.push(now_, block);
            everything.push(now_, block);
        }
    };
    both(3.3);
    now_ += 1024;
    analyser_.disturbed(now_);
    both(1.2);
    now_ += 1024;  // a gap of another making
    both(3);
    const Heard h = analyser_.take();
    const Heard all = everything.take();
    EXPECT_EQ(all.glitches.events, 2);
    EXPECT_EQ(h.glitches.events, 1);
    EXPECT_NEAR(all.glitches.seconds - h.glitches.seconds, 0.35, 0.06);
}

TEST_F(AnalyserTest, SilenceOnBothSidesOfAnXrunIsNoDropOutOverIt) {
    feed(3.14, 384);
    feed(0.01, 384, 0);  // up to and beyond where judging stops, 0.1 s before the xrun
    feed(0.1, 384);
    analyser_.disturbed(now_);
    feed(0.245, 384);
    feed(0.01, 384, 0);  // where it begins again, 0.25 s after it
    feed(3, 384);
    const Heard h = analyser_.take();
    EXPECT_EQ(h.glitches.events, 2);
    EXPECT_GT(h.glitches.longest_dropout, 0.003);
    EXPECT_LT(h.glitches.longest_dropout, 0.012);
}

TEST_F(AnalyserTest, SilenceOverAChirpIsOneDropOut) {
    feed(3.43, 384);  // 0.1 s later the next chirp arrives
    feed(0.3, 384, 0);
    feed(3, 384);
    EXPECT_NEAR(analyser_.take().glitches.longest_dropout, 0.3, 0.003);
}

TEST_F(AnalyserTest, BeginsAnewWhenTimeJumps) {
    feed(3, 384);
    now_ += 48000LL * 100 + 12345;
    feed(4, 384);
    EXPECT_TRUE(analyser_.take().present);
}

TEST_F(AnalyserTest, HearsAHalfSecondDelay) {
    feed(4, 23950);
    const Heard h = analyser_.take();
    ASSERT_TRUE(h.latency_ms);
    EXPECT_NEAR(*h.latency_ms, 23950 / 48.0, 0.02);
    EXPECT_EQ(h.glitches.events, 0);
}

}  // namespace
}  // namespace matriz::probe

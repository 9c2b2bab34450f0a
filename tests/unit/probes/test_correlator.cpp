// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/base/error.hpp"
#include "tests/probes/correlator.hpp"
#include "tests/unit/probes/synthetic.hpp"

namespace matriz::probe {
namespace {

using test::heard;
using test::rate;

class CorrelatorOn : public testing::TestWithParam<Background> {};

TEST_P(CorrelatorOn, FindsTheDelayToTheSample) {
    const Loop loop = make_loop(GetParam(), rate, 3);
    Correlator correlator(loop);
    for (const double delay : {0.0, 64.0, 128.0, 367.0, 1777.0, 23900.0}) {
        const auto segment = heard(loop, 4 * loop.chirp_period, correlator.segment_frames(), delay);
        const auto match = correlator.find(segment);
        ASSERT_TRUE(match) << delay;
        EXPECT_NEAR(match->delay, delay, 0.3);
        EXPECT_GT(match->correlation, 0.7);
    }
}

TEST_P(CorrelatorOn, FindsItInNoiseAtLowLevel) {
    const Loop loop = make_loop(GetParam(), rate, 0);
    Correlator correlator(loop);
    auto segment = heard(loop, 0, correlator.segment_frames(), 500, 0.1);
    test::add_noise(segment, 0.002);
    const auto match = correlator.find(segment);
    ASSERT_TRUE(match);
    EXPECT_NEAR(match->delay, 500, 1);
}

TEST_P(CorrelatorOn, DoesNotTakeAnotherSenderForItsOwn) {
    for (const int own : {0, 5}) {
        const Loop loop = make_loop(GetParam(), rate, own);
        Correlator correlator(loop);
        const Loop other = make_loop(GetParam(), rate, (own + 1) % variants);
        EXPECT_FALSE(correlator.find(heard(other, 0, correlator.segment_frames(), 1000))) << own;
    }
}

INSTANTIATE_TEST_SUITE_P(Backgrounds, CorrelatorOn,
                         testing::Values(Background::none, Background::tone, Background::string, Background::speech));

TEST(Correlator, EveryPairOfChirpsIsToldApart) {
    std::vector<Loop> loops;
    for (int v = 0; v < variants; ++v) loops.push_back(make_loop(Background::none, rate, v));
    for (const Loop& own : loops) {
        Correlator correlator(own);
        for (const Loop& other : loops)
            EXPECT_EQ(correlator.find(heard(other, 0, correlator.segment_frames(), 300)).has_value(), &own == &other);
    }
}

TEST(Correlator, FindsAFractionOfASample) {
    const Loop loop = make_loop(Background::none, rate, 0);
    Correlator correlator(loop);
    const auto match = correlator.find(heard(loop, 0, correlator.segment_frames(), 200.5));
    ASSERT_TRUE(match);
    EXPECT_NEAR(match->delay, 200.5, 0.15);
}

TEST(Correlator, HearsNothingInSilenceNoiseOrTone) {
    const Loop loop = make_loop(Background::none, rate, 0);
    Correlator correlator(loop);
    std::vector<float> segment(correlator.segment_frames());
    EXPECT_FALSE(correlator.find(segment));
    test::add_noise(segment, 0.1);
    EXPECT_FALSE(correlator.find(segment));
    const Loop tone = make_loop(Background::tone, rate, 0);
    for (std::size_t n = 0; n < segment.size(); ++n)  // what lies between two chirps, repeated
        segment[n] = tone.samples[2000 + n % 20000];
    EXPECT_FALSE(correlator.find(segment));
}

TEST(Loop, WorksAtEveryUsualRateAndRefusesLowOnes) {
    for (const std::uint32_t hz : {44100U, 48000U, 88200U, 96000U}) {
        const Loop loop = make_loop(Background::string, {hz}, 0);
        EXPECT_EQ(loop.samples.size() % static_cast<std::size_t>(loop.chirp_period), 0U);
        Correlator correlator(loop);
        const auto match = correlator.find(heard(loop, 0, correlator.segment_frames(), 777));
        ASSERT_TRUE(match) << hz;
        EXPECT_NEAR(match->delay, 777, 0.5) << hz;
    }
    EXPECT_THROW(make_loop(Background::tone, {22050}, 0), Error);
    EXPECT_THROW(make_loop(Background::tone, rate, variants), Error);
}

TEST(Loop, NeverClips) {
    for (const Background background : {Background::tone, Background::string, Background::speech})
        for (int v = 0; v < variants; ++v)
            for (const float s : make_loop(background, rate, v).samples) ASSERT_LT(std::abs(s), 0.9F);
}

}  // namespace
}  // namespace matriz::probe

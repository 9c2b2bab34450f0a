// SPDX-License-Identifier: GPL-3.0-or-later
// The resampler against libzita-resampler's, whose filter it has.
#include <gtest/gtest.h>
#include <zita-resampler/vresampler.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "common/base/error.hpp"
#include "plugins/dsp/playout/resampler.hpp"

namespace matriz::dsp {
namespace {

struct Case {
    std::uint32_t from;
    std::uint32_t to;
    int channels;
};

std::vector<float> noise(int samples) {
    std::mt19937 random(1);
    std::normal_distribution<float> amplitude(0, 0.2F);
    std::vector<float> made(static_cast<std::size_t>(samples));
    for (float& sample : made) sample = amplitude(random);
    return made;
}

class ResamplerOf : public testing::TestWithParam<Case> {};

TEST_P(ResamplerOf, DoesAsVResamplerDoes) {
    const auto [from, to, channels] = GetParam();
    const bool equal = from == to;
    Resampler ours({from}, {to}, channels);
    VResampler theirs;
    ASSERT_EQ(theirs.setup(static_cast<double>(to) / from, static_cast<unsigned>(channels), equal ? 8 : 16,
                           equal ? 1.0 : 0.92),
              0);
    theirs.set_rrfilt(0);
    ASSERT_EQ(ours.lookahead(), theirs.inpsize() / 2 + 1);

    constexpr int frames = 100000;
    std::vector<float> in = noise(frames * channels);
    int at = 0;
    for (int turn = 0; at < frames; ++turn) {
        const double speed = 1 + (turn % 3 == 0 ? 0.04 : 0.004) * std::sin(turn * 0.01);
        ours.set_speed(speed);
        theirs.set_rratio(1 / speed);
        const int offered = std::min(1 + turn * 53 % 260, frames - at);
        const int wanted = 1 + turn * 37 % 300;
        std::vector<float> out(static_cast<std::size_t>(wanted * channels));
        std::vector<float> reference(out.size());
        const auto progress = ours.process(in.data() + at * channels, offered, out.data(), wanted);
        theirs.inp_count = static_cast<unsigned>(offered);
        theirs.inp_data = in.data() + at * channels;
        theirs.out_count = static_cast<unsigned>(wanted);
        theirs.out_data = reference.data();
        theirs.process();

        ASSERT_EQ(progress.consumed, offered - static_cast<int>(theirs.inp_count));
        ASSERT_EQ(progress.produced, wanted - static_cast<int>(theirs.out_count));
        ASSERT_NEAR(ours.ahead(), theirs.inpdist(), 1e-5);
        for (int i = 0; i < progress.produced * channels; ++i)
            ASSERT_NEAR(out[static_cast<std::size_t>(i)], reference[static_cast<std::size_t>(i)], 1e-5);
        at += progress.consumed;
    }
}

INSTANTIATE_TEST_SUITE_P(Rates, ResamplerOf,
                         testing::Values(Case{48000, 48000, 1}, Case{48000, 48000, 2}, Case{48000, 48000, 5},
                                         Case{44100, 48000, 2}, Case{48000, 44100, 2}, Case{96000, 48000, 2},
                                         Case{48000, 8000, 2}, Case{8000, 96000, 1}));

TEST(ResamplerTest, AtSpeedOneAndEqualRatesLeavesEverySampleAsItIs) {
    Resampler resampler({48000}, {48000}, 2);
    const std::vector<float> in = noise(2000);
    std::vector<float> out(in.size());
    const auto progress = resampler.process(in.data(), 1000, out.data(), 1000);
    ASSERT_EQ(progress.consumed, 1000);
    const int delay = 1000 - progress.produced;
    const int begins = resampler.lookahead() - 2;  // the place of the first output frame
    ASSERT_EQ(delay, 2 * begins + 1);
    for (int i = 0; i < 2 * progress.produced; ++i)
        ASSERT_NEAR(out[static_cast<std::size_t>(i)], in[static_cast<std::size_t>(i + 2 * begins)], 1e-7);
}

TEST(ResamplerTest, WhatCameBeforeAResetIsForgotten) {
    Resampler resampler({48000}, {48000}, 1);
    const std::vector<float> loud(500, 1.0F);
    const std::vector<float> silence(500, 0.0F);
    std::vector<float> out(500, 2.0F);
    resampler.process(loud.data(), 500, out.data(), 500);
    resampler.reset();
    const auto progress = resampler.process(silence.data(), 500, out.data(), 500);
    ASSERT_GT(progress.produced, 400);
    for (int i = 0; i < progress.produced; ++i) ASSERT_EQ(out[static_cast<std::size_t>(i)], 0.0F);
}

TEST(ResamplerTest, RefusesWhatItCannotDo) {
    EXPECT_THROW(Resampler({8000}, {192000}, 1), Error);
    EXPECT_THROW(Resampler({48000}, {48000}, 0), Error);
}

}  // namespace
}  // namespace matriz::dsp

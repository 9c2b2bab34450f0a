// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/probes/analyser.hpp"
#include "tests/unit/probes/synthetic.hpp"

namespace matriz::probe {
namespace {

using test::heard;
using test::rate;

constexpr double delay = 367;
constexpr std::size_t length = 6 * 48000;
constexpr std::size_t quiet = 4 * 28800 + 9600;  // 200 ms after a chirp, amid a syllable of the speech

/// Counts over the whole chain, chirps and all.
GlitchCount judge(const Loop& loop, const std::vector<float>& received) {
    Correlator correlator(loop);
    Analyser analyser(loop, correlator);
    for (std::size_t n = 0; n + 64 <= received.size(); n += 64)
        analyser.push(static_cast<std::int64_t>(n), std::span(received).subspan(n, 64));
    return analyser.take().glitches;
}

class GlitchOn : public testing::TestWithParam<Background> {
  protected:
    Loop loop_ = make_loop(GetParam(), rate, 1);
    std::vector<float> received_ = heard(loop_, 0, length, delay);

    /// Loudest stretch of `frames` near `quiet`: nobody hears a gap in a pause.
    std::size_t loud(std::size_t frames) const {
        std::size_t best = quiet;
        double most = 0;
        for (std::size_t start = quiet; start < quiet + 9600; start += 48) {
            double energy = 0;
            for (std::size_t n = 0; n < frames; ++n)
                energy += static_cast<double>(received_[start + n]) * received_[start + n];
            if (energy > most) {
                most = energy;
                best = start;
            }
        }
        return best;
    }
};

TEST_P(GlitchOn, CleanSoundHasNone) {
    const GlitchCount count = judge(loop_, received_);
    EXPECT_EQ(count.events, 0);
    EXPECT_GT(count.seconds, 4);
    EXPECT_LT(count.longest_dropout, 0.003);
}

TEST_P(GlitchOn, CodecNoiseIsNone) {
    test::add_noise(received_, 0.003);
    EXPECT_EQ(judge(loop_, received_).events, 0);
}

TEST_P(GlitchOn, AnotherLevelIsNone) {
    for (float& s : received_) s *= 0.4F;
    EXPECT_EQ(judge(loop_, received_).events, 0);
}

TEST_P(GlitchOn, ResamplingThatSlidesTheDelayIsNone) {
    // 500 ppm: 24 frames a second, as drift correction or a change of the delay target does it.
    for (std::size_t n = 0; n < received_.size(); ++n)
        received_[n] = heard(loop_, static_cast<std::int64_t>(n), 1, delay + 500e-6 * static_cast<double>(n))[0];
    EXPECT_EQ(judge(loop_, received_).events, 0);
}

TEST_P(GlitchOn, ALostPacketOfSilenceIsOne) {
    const std::size_t at = loud(128);
    std::fill_n(received_.begin() + static_cast<std::ptrdiff_t>(at), 128, 0.0F);
    EXPECT_EQ(judge(loop_, received_).events, 1);
}

TEST_P(GlitchOn, APacketPlayedTwiceIsOne) {
    // From there on everything is 128 frames late: a slip. Counted once, then followed.
    const std::size_t at = loud(256);
    const auto late = heard(loop_, static_cast<std::int64_t>(at), received_.size() - at, delay + 128);
    std::copy(late.begin(), late.end(), received_.begin() + static_cast<std::ptrdiff_t>(at));
    const int events = judge(loop_, received_).events;
    EXPECT_GE(events, 1);
    EXPECT_LE(events, 2);
}

TEST_P(GlitchOn, DropOutIsMeasured) {
    const std::size_t frames = 2400;
    const std::size_t at = loud(frames);
    std::fill_n(received_.begin() + static_cast<std::ptrdiff_t>(at), frames, 0.0F);
    const GlitchCount count = judge(loop_, received_);
    EXPECT_EQ(count.events, 1);
    if (GetParam() == Background::tone) {
        EXPECT_NEAR(count.longest_dropout, 0.050, 0.003);
    } else {  // strings and speech have quiet moments of their own
        EXPECT_GT(count.longest_dropout, 0.008);
        EXPECT_LT(count.longest_dropout, 0.053);
    }
}

TEST_P(GlitchOn, TenGapsAreTen) {
    int gaps = 0;
    for (std::size_t second = 1; second < 5; ++second) {
        for (const std::size_t offset : {12000U, 24000U}) {  // between the chirps
            const std::size_t at = second * 48000 + offset;
            if ((at + 2 * 367) % 28800 < 4000) continue;
            double energy = 0;
            for (std::size_t n = 0; n < 192; ++n) energy += static_cast<double>(received_[at + n]) * received_[at + n];
            if (energy / 192 < 0.001) continue;  // a quiet moment
            std::fill_n(received_.begin() + static_cast<std::ptrdiff_t>(at), 192, 0.0F);
            ++gaps;
        }
    }
    ASSERT_GT(gaps, 2);
    EXPECT_EQ(judge(loop_, received_).events, gaps);
}

INSTANTIATE_TEST_SUITE_P(Backgrounds, GlitchOn,
                         testing::Values(Background::tone, Background::string, Background::speech));

TEST(GlitchOnTone, AClickIsOne) {
    const Loop loop = make_loop(Background::tone, rate, 0);
    auto received = heard(loop, 0, length, delay);
    for (std::size_t n = 0; n < 12; ++n) received[quiet + n] += 0.15F;
    EXPECT_EQ(judge(loop, received).events, 1);
}

TEST(GlitchOnTone, WellConcealedLossIsNone) {
    const Loop loop = make_loop(Background::tone, rate, 0);
    auto received = heard(loop, 0, length, delay);
    for (std::size_t n = 0; n < 120; ++n) received[quiet + n] *= 0.93F;
    EXPECT_EQ(judge(loop, received).events, 0);
}

TEST(GlitchOnChirpsAlone, IsNotJudged) {
    const Loop loop = make_loop(Background::none, rate, 0);
    EXPECT_EQ(judge(loop, heard(loop, 0, length, delay)).seconds, 0);
}

}  // namespace
}  // namespace matriz::probe

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/meter.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace matriz::emitter {
namespace {

constexpr SampleRate rate{48000};

std::vector<float> stereo_sine(float left, float right, std::size_t frames) {
    std::vector<float> samples;
    for (std::size_t i = 0; i < frames; ++i) {
        const auto value = static_cast<float>(std::sin(2 * std::numbers::pi * 1000 * static_cast<double>(i) / rate.hz));
        samples.push_back(left * value);
        samples.push_back(right * value);
    }
    return samples;
}

TEST(Meter, SaysNothingBeforeTheFirstWindow) {
    Meter meter;
    meter.feed(stereo_sine(1, 1, 4799), 2, rate);
    EXPECT_TRUE(meter.levels().empty());
}

TEST(Meter, MeasuresEachChannel) {
    Meter meter;
    const auto samples = stereo_sine(0.5F, 0.05F, 4800);
    for (std::size_t at = 0; at < samples.size(); at += 128) meter.feed(std::span(samples).subspan(at, 128), 2, rate);
    const auto levels = meter.levels();
    ASSERT_EQ(levels.size(), 2u);
    EXPECT_NEAR(levels[0].peak_db, -6.02, 0.05);
    EXPECT_NEAR(levels[0].rms_db, -9.03, 0.05);
    EXPECT_NEAR(levels[1].peak_db, -26.02, 0.05);
    EXPECT_NEAR(levels[1].rms_db, -29.03, 0.05);
}

TEST(Meter, FallsBackToSilence) {
    Meter meter;
    meter.feed(stereo_sine(1, 1, 4800), 2, rate);
    meter.feed(std::vector<float>(9600), 2, rate);
    for (const auto& level : meter.levels()) {
        EXPECT_EQ(level.peak_db, silence_db);
        EXPECT_EQ(level.rms_db, silence_db);
    }
}

TEST(Meter, ShowsNoNonsenseForNonsense) {
    Meter meter;
    meter.feed(std::vector<float>(9600, std::numeric_limits<float>::quiet_NaN()), 2, rate);
    for (const auto& level : meter.levels()) EXPECT_FALSE(std::isnan(level.rms_db) || std::isnan(level.peak_db));
}

TEST(Meter, FollowsAChangeOfChannels) {
    Meter meter;
    meter.feed(stereo_sine(1, 1, 4800), 2, rate);
    meter.feed(std::vector<float>(4800, 0.1F), 1, rate);
    ASSERT_EQ(meter.levels().size(), 1u);
    EXPECT_NEAR(meter.levels()[0].rms_db, -20, 0.01);
    meter.feed(std::vector<float>(4800 * 12, 0.1F), 12, rate);
    EXPECT_EQ(meter.levels().size(), max_channels);
}

}  // namespace
}  // namespace matriz::emitter

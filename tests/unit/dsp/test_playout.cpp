// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/bytes.hpp"
#include "tests/unit/dsp/simulation.hpp"

namespace matriz::dsp::test {
namespace {

using Scene = Simulation::Setup;
constexpr double lost = -1;

double chance(std::mt19937& random) { return std::uniform_real_distribution<double>()(random); }

TEST(Playout, HoldsALowDelayOnAQuietLink) {
    Simulation sim({});
    sim.run(10);
    sim.clicks();
    sim.run(60);
    const auto m = sim.metrics();
    EXPECT_LT(m.delay_ms, 1.33 + 0.5);
    EXPECT_NEAR(m.delay_ms, m.target_ms, 0.05);
    EXPECT_EQ(m.concealed, 0U);
    EXPECT_EQ(m.late + m.lost, 0U);
    EXPECT_EQ(sim.clicks(), 0);
    EXPECT_GT(sim.peak(), 0.45F);
    EXPECT_TRUE(m.playing);
    EXPECT_NEAR(m.level_peak, 0.5, 0.02);
    EXPECT_NEAR(m.level_rms, 0.5 / std::sqrt(2), 0.02);
}

TEST(Playout, DelayIsTheOneReported) {
    Scene setup;
    setup.tone = 0;
    Simulation sim(setup);
    // One loud frame in a packet of silence, seen again in the output.
    double sent_at = -1;
    double heard_at = -1;
    sim.run(5);
    sim.tamper = [&](std::vector<std::uint8_t>& packet) {
        if (sent_at >= 0) return;
        sent_at = sim.now();
        write_u16(packet.data() + 12, 0x7000);
    };
    sim.listen = [&](const float* out, int frames) {
        int loudest = 0;
        for (int i = 1; i < frames; ++i)
            if (std::abs(out[i]) > std::abs(out[loudest])) loudest = i;
        if (heard_at < 0 && std::abs(out[loudest]) > 0.4F) heard_at = sim.now() + loudest / 48000.0;
    };
    sim.run(0.1);
    ASSERT_GT(heard_at, 0);
    EXPECT_NEAR((heard_at - sent_at - 0.010) * 1e3, sim.metrics().delay_ms, 0.05);
}

TEST(Playout, LeavesSamplesAsTheyAreWhenTheClocksAreOne) {
    Scene setup;
    Simulation sim(setup);
    std::vector<float> heard;
    sim.run(30);  // long enough for the delay to have settled
    sim.listen = [&](const float* out, int frames) { heard.insert(heard.end(), out, out + frames); };
    sim.run(0.5);
    // What was sent is quantised to 16 bits; a sine of any phase fits what was heard up to that and the filter's
    // ripple.
    const double w = 2 * std::acos(-1.0) * setup.tone / 48000;
    double worst = 0;
    for (std::size_t i = 2; i < heard.size(); ++i)
        worst =
            std::max(worst, std::abs(heard[i] - 2 * std::cos(w) * heard[i - 1] + static_cast<double>(heard[i - 2])));
    EXPECT_LT(worst, 4e-4);
}

class Drift : public testing::TestWithParam<std::tuple<double, double>> {};

TEST_P(Drift, IsFollowedWithoutASlip) {
    const auto [sender, card] = GetParam();
    Scene setup;
    setup.sender_ppm = sender;
    setup.card_ppm = card;
    Simulation sim(setup);
    sim.network = [&] { return Simulation::exponential(sim.random(), 0.0001); };
    sim.run(20);
    const auto before = sim.metrics();
    sim.clicks();
    double lowest = 1e9;
    double highest = 0;
    for (int second = 0; second < 580; ++second) {
        sim.run(1);
        lowest = std::min(lowest, sim.metrics().delay_ms);
        highest = std::max(highest, sim.metrics().delay_ms);
    }
    const auto m = sim.metrics();
    EXPECT_EQ(m.jumps, 0U);
    EXPECT_LT(m.late - before.late, 10U);
    EXPECT_LT(highest - lowest, 1.0);
    EXPECT_NEAR(m.drift_ppm, sender - card, 5);
    EXPECT_EQ(sim.clicks(), 0);
}
INSTANTIATE_TEST_SUITE_P(Playout, Drift,
                         testing::Values(std::tuple(200.0, 0.0), std::tuple(-200.0, 0.0), std::tuple(0.0, 200.0),
                                         std::tuple(0.0, -200.0), std::tuple(200.0, -200.0), std::tuple(3.0, 0.0)));

class ADay : public testing::TestWithParam<double> {};

TEST_P(ADay, OfDriftPassesWithoutASlip) {
    Scene setup;
    setup.format.rate = setup.playout.output_rate = SampleRate{8000};  // a day of it in seconds
    setup.packet_frames = setup.period = 160;
    setup.sender_ppm = GetParam();
    setup.seed = 3;
    setup.tone = 0;
    Simulation sim(setup);
    sim.network = [&] { return Simulation::exponential(sim.random(), 0.0003); };
    sim.run(60);
    const auto before = sim.metrics();
    double lowest = 1e9;
    double highest = 0;
    for (int minute = 0; minute < 24 * 60; ++minute) {
        sim.run(60);
        lowest = std::min(lowest, sim.metrics().delay_ms);
        highest = std::max(highest, sim.metrics().delay_ms);
    }
    const auto m = sim.metrics();
    EXPECT_EQ(m.jumps, before.jumps);
    EXPECT_LT(highest - lowest, 4);
    EXPECT_EQ(m.restarts, 0U);
    EXPECT_EQ(m.lost, 0U);
    EXPECT_NEAR(m.drift_ppm, GetParam(), 5);
    EXPECT_NEAR(static_cast<double>(m.received), static_cast<double>(sim.sent()), 5);
}
INSTANTIATE_TEST_SUITE_P(Playout, ADay, testing::Values(200.0, -200.0));

class Rates : public testing::TestWithParam<std::tuple<unsigned, unsigned, int>> {};

TEST_P(Rates, MixFreely) {
    const auto [stream, card, period] = GetParam();
    Scene setup;
    setup.format.rate = {stream};
    setup.playout.output_rate = {card};
    setup.period = period;
    setup.sender_ppm = 40;
    Simulation sim(setup);
    sim.run(5);
    sim.clicks();
    sim.peak();
    sim.run(10);
    const auto m = sim.metrics();
    EXPECT_EQ(m.concealed + m.late + m.lost + m.jumps, 0U);
    EXPECT_EQ(sim.clicks(), 0);
    EXPECT_NEAR(sim.peak(), 0.5, 0.01);
    EXPECT_LT(m.delay_ms, 1e3 * period / card + 1.2);
}
INSTANTIATE_TEST_SUITE_P(Playout, Rates,
                         testing::Combine(testing::Values(44100U, 48000U, 88200U, 96000U),
                                          testing::Values(44100U, 48000U, 88200U, 96000U),
                                          testing::Values(16, 64, 1024)));

TEST(Playout, ConcealsLossWithoutAClick) {
    Simulation sim({});
    sim.run(5);
    sim.clicks();
    sim.network = [&] { return chance(sim.random()) < 0.02 ? lost : 0.0; };
    sim.run(20);
    const auto m = sim.metrics();
    EXPECT_GT(m.lost, 100U);
    EXPECT_EQ(m.late, 0U);
    EXPECT_EQ(m.received + m.lost, sim.sent() - (sim.sent() - m.received - m.lost));
    EXPECT_LT(sim.clicks(), 5);
    EXPECT_LT(sim.peak(), 0.75F);
}

TEST(Playout, ConcealsNoMoreThanIsNeededUntilAPacketComes) {
    Scene setup;
    setup.packet_frames = 120;
    setup.playout.min_delay = setup.playout.max_delay = std::chrono::milliseconds(4);
    Simulation sim(setup);
    sim.run(5);
    const auto before = sim.metrics();
    sim.clicks();
    int n = 0;
    sim.network = [&] { return ++n % 50 == 0 ? 0.0042 : 0.0; };  // late by less than a period
    sim.run(20);
    const auto m = sim.metrics();
    EXPECT_GT(m.concealed - before.concealed, 100U);
    EXPECT_EQ(m.late + m.lost, before.late + before.lost);
    const double longest = 65 / 48.0;  // a period, and what the resampler looks ahead for
    EXPECT_LT(m.concealed_ms - before.concealed_ms, longest * static_cast<double>(m.concealed - before.concealed));
    EXPECT_EQ(sim.clicks(), 0);
}

TEST(Playout, MakesUpInAGapOnlyWhatWouldTakeLong) {
    for (const int more_us : {1500, 3500}) {
        Scene setup;
        setup.playout.min_delay = std::chrono::milliseconds(5);
        Simulation sim(setup);
        sim.run(5);
        const double before = sim.metrics().delay_ms;
        sim.playout().set_delay_bounds(std::chrono::microseconds(5000 + more_us), std::chrono::milliseconds(200));
        bool drop = true;
        sim.network = [&] { return std::exchange(drop, false) ? lost : 0.0; };
        sim.run(0.05);
        const auto m = sim.metrics();
        EXPECT_EQ(m.concealed, 1U);
        if (more_us < 2000)
            EXPECT_LT(m.delay_ms, before + 0.2) << "it grows by a quarter of a percent of what is played";
        else
            EXPECT_GT(m.delay_ms, before + 1.3) << "the packet's length";
        sim.run(3);
        EXPECT_NEAR(sim.metrics().delay_ms, before + more_us * 1e-3, 0.1);
    }
}

TEST(Playout, CountsWhatIsLostOnce) {
    Simulation sim({});
    sim.run(5);
    int drop = 7;
    sim.network = [&] { return drop-- > 0 ? lost : 0.0; };
    sim.run(1);
    const auto m = sim.metrics();
    EXPECT_EQ(m.lost, 7U);
    EXPECT_EQ(m.concealed, 1U);
    EXPECT_NEAR(m.concealed_ms, 7 * 64 / 48.0, 0.01);
}

TEST(Playout, RestoresLossFromRedundancy) {
    Scene setup;
    setup.redundancy = 2;
    Simulation sim(setup);
    sim.network = [&] {
        if (chance(sim.random()) < 0.01) return lost;
        return Simulation::exponential(sim.random(), 0.001);
    };
    sim.run(60);
    const auto m = sim.metrics();
    EXPECT_GT(m.recovered, 300U);
    EXPECT_LT(m.concealed, 100U);
    EXPECT_LT(m.delay_ms, 7);
}

TEST(Playout, AcceptsReorderingAndDuplicates) {
    Simulation sim({});
    sim.run(2);
    int n = 0;
    sim.network = [&] { return ++n % 3 == 0 ? 0.004 : 0.0; };
    std::vector<std::uint8_t> copy;
    sim.tamper = [&](std::vector<std::uint8_t>& packet) {
        if (!copy.empty()) sim.inject(copy);
        copy = packet;
    };
    sim.run(20);
    const auto before = sim.metrics();
    sim.clicks();
    sim.run(20);
    const auto m = sim.metrics();
    EXPECT_GT(m.duplicates, 1000U);
    EXPECT_EQ(m.late, before.late);
    EXPECT_EQ(m.concealed, before.concealed);
    EXPECT_EQ(sim.clicks(), 0);
}

TEST(Playout, GoesThroughTheWrapsOfNumbersAndTimes) {
    Scene setup;
    setup.first_seq = {65000};
    setup.first_time = {0xffffffffU - 30000U};
    Simulation sim(setup);
    sim.run(3);
    EXPECT_EQ(sim.metrics().concealed + sim.metrics().lost + sim.metrics().restarts, 0U);
    EXPECT_EQ(sim.clicks(), 0);
}

TEST(Playout, FollowsASenderThatRestarts) {
    Simulation sim({});
    sim.run(5);
    sim.send(false);
    sim.run(0.3);
    EXPECT_FALSE(sim.metrics().playing);
    sim.restart_sender({77}, {0x80000000U}, 0x9999);
    sim.send(true);
    sim.run(0.2);
    EXPECT_EQ(sim.metrics().restarts, 1U);
    EXPECT_TRUE(sim.metrics().playing);
    const auto before = sim.metrics();
    sim.peak();
    sim.run(5);
    EXPECT_GT(sim.peak(), 0.45F);
    EXPECT_EQ(sim.metrics().concealed, before.concealed);
    EXPECT_LT(sim.metrics().delay_ms, 2);
}

TEST(Playout, FollowsANewLineOfNumbersOfTheSameSource) {
    Simulation sim({});
    sim.run(5);
    sim.send(false);
    sim.run(0.1);
    sim.restart_sender({40000}, {3}, 0x1234);
    sim.send(true);
    sim.run(3);
    EXPECT_EQ(sim.metrics().restarts, 1U);
    EXPECT_TRUE(sim.metrics().playing);
    EXPECT_LT(sim.metrics().delay_ms, 2.5);
}

TEST(Playout, StaysWithTheSourceThatPlaysWhenAnotherBreaksIn) {
    Simulation sim({});
    sim.run(5);
    sim.clicks();
    std::uint16_t seq = 0;
    sim.tamper = [&](std::vector<std::uint8_t>& packet) {
        auto other = packet;
        write_u16(other.data() + 2, seq++);
        write_u32(other.data() + 8, 0xdeadbeef);
        sim.inject(other);
        auto jumped = packet;  // the same source, another line of numbers
        write_u16(jumped.data() + 2, static_cast<std::uint16_t>(seq * 7 + 20000));
        sim.inject(jumped);
    };
    sim.run(5);
    const auto m = sim.metrics();
    EXPECT_EQ(m.restarts, 0U);
    EXPECT_GT(m.stray, 5000U);
    EXPECT_EQ(m.concealed, 0U);
    EXPECT_EQ(sim.clicks(), 0);
}

TEST(Playout, ASilentSenderComesBackInTime) {
    Simulation sim({});
    sim.run(5);
    const double delay = sim.metrics().delay_ms;
    sim.send(false);
    sim.run(40);
    EXPECT_FALSE(sim.metrics().playing);
    EXPECT_LT(sim.metrics().concealed_ms, 70);
    sim.peak();
    sim.run(0.1);
    EXPECT_EQ(sim.peak(), 0.0F);
    sim.clicks();
    sim.send(true);  // numbers go on, times have gone on: that is silence suppression, not loss
    sim.run(2);
    EXPECT_TRUE(sim.metrics().playing);
    EXPECT_EQ(sim.metrics().lost, 0U);
    EXPECT_NEAR(sim.metrics().delay_ms, delay, 1);
    EXPECT_EQ(sim.clicks(), 0);
}

TEST(Playout, TheTargetFollowsAStepOfJitterBothWays) {
    Simulation sim({});
    double mean = 0.0005;
    sim.network = [&] { return Simulation::exponential(sim.random(), mean); };
    sim.run(30);
    const double low = sim.metrics().target_ms;
    EXPECT_LT(low, 6);
    const auto before = sim.metrics();
    mean = 0.008;
    sim.run(0.5);
    EXPECT_LE(sim.metrics().late - before.late, 16U);
    EXPECT_GT(sim.metrics().delay_ms, 15);
    sim.run(20);
    mean = 0.0005;
    sim.run(60);
    EXPECT_NEAR(sim.metrics().target_ms, low, 1.5);
    EXPECT_NEAR(sim.metrics().delay_ms, sim.metrics().target_ms, 1);
}

TEST(Playout, BoundsHold) {
    Scene setup;
    setup.playout.min_delay = std::chrono::milliseconds(20);
    Simulation sim(setup);
    sim.run(10);
    EXPECT_NEAR(sim.metrics().delay_ms, 20, 0.1);
    sim.playout().set_delay_bounds(std::chrono::milliseconds(0), std::chrono::milliseconds(5));
    sim.network = [&] { return Simulation::exponential(sim.random(), 0.02); };
    sim.run(20);
    EXPECT_NEAR(sim.metrics().target_ms, 5, 0.01);
}

/// Whatever the bounds, rate and length of packets that a config allows, nothing that is waited for finds no room.
class LongDelay : public testing::TestWithParam<std::tuple<int, int, unsigned>> {};

TEST_P(LongDelay, IsHeld) {
    const auto [delay_ms, frames, rate] = GetParam();
    Scene setup;
    setup.format.rate = {rate};
    setup.playout.output_rate = {rate};
    setup.packet_frames = frames;
    setup.playout.min_delay = setup.playout.max_delay = std::chrono::milliseconds(delay_ms);
    Simulation sim(setup);
    sim.run(3.0 + 3e-3 * delay_ms);
    sim.clicks();
    const auto before = sim.metrics();
    sim.run(3);
    const auto m = sim.metrics();
    EXPECT_NEAR(m.delay_ms, delay_ms, 0.2);
    EXPECT_EQ(m.overflows, 0U);
    EXPECT_EQ(m.concealed, before.concealed);
    EXPECT_EQ(sim.clicks(), 0);
}
INSTANTIATE_TEST_SUITE_P(Playout, LongDelay,
                         testing::Values(std::tuple{200, 16, 48000U}, std::tuple{200, 16, 96000U},
                                         std::tuple{1000, 64, 48000U}, std::tuple{2000, 16, 96000U}));

TEST(Playout, AsksForMoreThanAFifthOfASecondWhereThatIsNeeded) {
    Scene setup;
    setup.playout.max_delay = std::chrono::seconds(1);
    setup.packet_frames = 480;
    Simulation sim(setup);
    std::uniform_real_distribution<double> spread(0, 0.4);
    sim.network = [&] { return spread(sim.random()); };
    sim.run(30);
    EXPECT_GT(sim.metrics().target_ms, 300);
    EXPECT_LT(sim.metrics().target_ms, 600);
}

TEST(Playout, HostilePacketsAreCountedAndHarmNothing) {
    Simulation sim({});
    sim.run(5);
    sim.clicks();
    const std::uint64_t before = sim.metrics().malformed;
    std::uniform_int_distribution<int> byte(0, 255);
    sim.tamper = [&](std::vector<std::uint8_t>& packet) {
        auto garbage = packet;
        switch (sim.random()() % 5) {
            case 0:
                garbage.resize(sim.random()() % garbage.size());
                break;
            case 1:
                for (auto& b : garbage) b = static_cast<std::uint8_t>(byte(sim.random()));
                break;
            case 2:
                garbage.resize(3000);
                break;
            case 3:
                garbage.clear();
                break;
            default:
                garbage[1] = 0x11;
                break;
        }
        sim.inject(garbage);
    };
    sim.run(10);
    EXPECT_GT(sim.metrics().malformed, before + 1000);
    EXPECT_EQ(sim.metrics().restarts, 0U);
    EXPECT_TRUE(sim.metrics().playing);
}

TEST(Playout, RefusesWhatItCannotPlay) {
    PlayoutConfig config;
    config.output_channels = 9;
    EXPECT_THROW(Playout({CodecId::pcm16, {48000}, 2, {0}, {}}, config), Error);
    config = {};
    config.output_rate = {100};
    EXPECT_THROW(Playout({CodecId::pcm16, {48000}, 2, {0}, {}}, config), Error);
    EXPECT_THROW(Playout({CodecId::opus, {44100}, 2, {0}, {}}, PlayoutConfig{}), Error);
    config = {};
    config.packet_capacity = 0;
    EXPECT_THROW(Playout({CodecId::pcm16, {48000}, 2, {0}, {}}, config), Error);
}

TEST(Playout, MonoGoesToAllChannelsAndMissingOnesAreSilent) {
    Playout mono({CodecId::pcm16, {48000}, 1, {0}, {}}, PlayoutConfig{});
    std::vector<float> left(64, 1.0F);
    std::vector<float> right(64, 1.0F);
    std::array<float*, 2> out{left.data(), right.data()};
    mono.render(out.data(), 64, std::chrono::seconds(1));
    EXPECT_THAT(left, testing::Each(0.0F));
    EXPECT_THAT(right, testing::Each(0.0F));
}

}  // namespace
}  // namespace matriz::dsp::test

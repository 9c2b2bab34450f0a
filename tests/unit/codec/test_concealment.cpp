// SPDX-License-Identifier: GPL-3.0-or-later
// How well the missing is replaced: the error where packets were lost, against what silence in their place would leave.
#include <gtest/gtest.h>

#include <random>

#include "plugins/dsp/codec/concealer.hpp"
#include "tests/unit/codec/signals.hpp"

namespace matriz::dsp {
namespace {

constexpr SampleRate rate{48000};
constexpr int period = 64;

struct Outcome {
    std::vector<float> played;
    std::vector<bool> lost;  ///< a period each
    double gain_db = 0;      ///< by how much the error is below that of silence
};

/// Plays `signal` (one channel) in periods, of which a share is lost in bursts of `burst`.
Outcome play_with_loss(std::span<const float> signal, double share, int burst, unsigned seed, int frames = period) {
    std::mt19937 random(seed);  // NOLINT: the same losses each time
    std::bernoulli_distribution begins(share / burst);
    Concealer concealer(1, rate);
    Outcome outcome;
    double error = 0;
    double silence = 0;
    int missing = 0;
    const auto length = static_cast<std::size_t>(frames);
    for (std::size_t at = 0; at + length <= signal.size(); at += length) {
        std::vector<float> out(signal.begin() + static_cast<std::ptrdiff_t>(at),
                               signal.begin() + static_cast<std::ptrdiff_t>(at + length));
        if (missing == 0 && at > 4800 && begins(random)) missing = burst;
        outcome.lost.push_back(missing > 0);
        if (missing > 0) {
            --missing;
            concealer.conceal(out.data(), frames);
            for (std::size_t i = 0; i < length; ++i) {
                const double wanted = static_cast<double>(signal[at + i]);
                error += std::pow(static_cast<double>(out[i]) - wanted, 2);
                silence += wanted * wanted;
            }
        } else {
            concealer.play(out.data(), frames);
        }
        outcome.played.insert(outcome.played.end(), out.begin(), out.end());
    }
    outcome.gain_db = 10 * std::log10(silence / error);
    return outcome;
}

struct Case {
    const char* name;
    std::vector<float> signal;
    double gain_db;        ///< at least, where single periods are lost
    double burst_gain_db;  ///< at least, where three in a row are
};

std::vector<Case> cases() {
    constexpr int frames = 2 * 48000;
    std::vector<float> chord(frames);
    unsigned seed = 0;
    for (const double hz : {110.0, 164.8, 220.0, 277.2}) {
        const auto string = test::plucked_string(frames, hz, ++seed);
        for (std::size_t i = 0; i < chord.size(); ++i) chord[i] += 0.5F * string[i];
    }
    return {{"string 220 Hz", test::plucked_string(frames, 220, 7), 20, 20},
            {"string 82 Hz", test::plucked_string(frames, 82.4, 8), 15, 15},
            {"chord", chord, 6, 5},
            {"voice", test::voice(frames, 9), 5, 1.5},
            {"tone", test::sine(frames, 1, 997), 35, 30}};
}

TEST(Concealment, IsClearlyBetterThanSilence) {
    for (const Case& c : cases())
        for (const double share : {0.01, 0.02, 0.05}) {
            const double single = play_with_loss(c.signal, share, 1, 11).gain_db;
            const double burst = play_with_loss(c.signal, share, 3, 12).gain_db;
            EXPECT_GT(single, c.gain_db) << c.name << " at " << share;
            EXPECT_GT(burst, c.burst_gain_db) << c.name << " at " << share << " in bursts";
            RecordProperty(std::string(c.name) + " " + std::to_string(share),
                           std::to_string(single) + " dB, bursts " + std::to_string(burst) + " dB");
        }
}

TEST(Concealment, BeginsAndEndsWithoutAStep) {
    for (const Case& c : cases()) {
        const Outcome outcome = play_with_loss(c.signal, 0.05, 2, 13);
        int joins = 0;
        for (std::size_t p = 1; p < outcome.lost.size(); ++p) {
            if (outcome.lost[p] == outcome.lost[p - 1]) continue;
            ++joins;
            const std::size_t at = p * period;
            const std::size_t from = at - std::min<std::size_t>(at, 960);
            const float around = test::largest_step(
                std::span(c.signal).subspan(from, std::min<std::size_t>(1920, c.signal.size() - from)));
            EXPECT_LE(std::abs(outcome.played[at] - outcome.played[at - 1]), 1.3F * around + 1e-4F)
                << c.name << " " << at;
        }
        EXPECT_GT(joins, 50) << c.name;
    }
}

TEST(Concealment, FadesToSilenceAndComesBack) {
    const auto signal = test::sine(48000, 2, 300);
    Concealer concealer(2, rate);
    std::vector<float> head(signal.begin(), signal.begin() + 9600);
    concealer.play(head.data(), 4800);
    std::vector<float> gap(2 * 9600);
    for (std::size_t at = 0; at < gap.size(); at += 2 * period) concealer.conceal(&gap[at], period);
    const auto left = test::channel(gap, 0, 2);
    const auto level = [&](int from_ms, int to_ms) {
        const auto part = std::span(left).subspan(static_cast<std::size_t>(from_ms) * 48,
                                                  static_cast<std::size_t>(to_ms - from_ms) * 48);
        return test::energy(part) / static_cast<double>(part.size());
    };
    EXPECT_NEAR(level(0, 20), 0.125, 0.02);
    EXPECT_LT(level(30, 50), 0.06);
    EXPECT_GT(level(30, 50), 0.01);
    EXPECT_EQ(level(60, 200), 0);

    std::vector<float> back(signal.begin(), signal.begin() + 2 * period * 3);
    concealer.play(back.data(), period * 3);
    EXPECT_LT(std::abs(back[0]), 0.02F);  // fades in
    EXPECT_EQ(back.back(), signal[2 * period * 3 - 1]);
}

TEST(Concealment, KeepsChannelsApart) {
    auto signal = test::sine(9600, 3, 500);
    for (std::size_t i = 1; i < signal.size(); i += 3) signal[i] = 0;
    Concealer concealer(3, rate);
    concealer.play(signal.data(), 9600);
    std::vector<float> out(3 * 480);
    concealer.conceal(out.data(), 480);
    EXPECT_GT(test::energy(test::channel(out, 0, 3)), 30);
    EXPECT_EQ(test::energy(test::channel(out, 1, 3)), 0);
    EXPECT_GT(test::energy(test::channel(out, 2, 3)), 30);
}

TEST(Concealment, StaysWithinWhatWasHeard) {
    std::mt19937 random(5);  // NOLINT: repeatable
    for (const std::uint32_t hz : {8000U, 44100U, 48000U, 96000U, 192000U}) {
        Concealer concealer(1, {hz});
        std::vector<float> block(4096);
        for (int round = 0; round < 60; ++round) {
            const float level = round % 3 ? 1.0F : 1e-7F;
            for (std::size_t i = 0; i < block.size(); ++i)
                block[i] = round % 4 == 0   ? (i % 97 == 0 ? level : 0.0F)  // clicks
                           : round % 4 == 1 ? level                         // a constant
                           : round % 4 == 2 ? (i / 30 % 2 ? level : -level)
                                            : level * (static_cast<float>(random() % 2001) / 1000 - 1);
            concealer.play(block.data(), 1 + static_cast<int>(random() % 4096));
            concealer.conceal(block.data(), 1 + static_cast<int>(random() % 4096));
            for (const float x : block) ASSERT_LE(std::abs(x), 1.5F) << hz;
        }
    }
}

TEST(Concealment, OfNothingIsSilence) {
    Concealer concealer(2, rate);
    std::vector<float> out(2 * 960, 1.0F);
    concealer.conceal(out.data(), 960);
    EXPECT_EQ(test::energy(out), 0);
    auto signal = test::sine(960, 2, 500);
    concealer.play(signal.data(), 960);
    concealer.reset();
    concealer.conceal(out.data(), 960);
    EXPECT_EQ(test::energy(out), 0);
}

}  // namespace
}  // namespace matriz::dsp

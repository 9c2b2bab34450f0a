// SPDX-License-Identifier: GPL-3.0-or-later
// Lost packets of Opus and Opus Custom: how far what is heard is from what a decoder without loss plays.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "plugins/dsp/codec/encoder.hpp"
#include "tests/unit/codec/signals.hpp"

namespace matriz::dsp {
namespace {

struct Gains {
    double lost_db;   ///< where packets were lost, below the error of silence
    double after_db;  ///< in the four packets after
};

Gains lose(CodecId codec, std::span<const float> signal, int burst) {
    const StreamFormat format{.codec = codec, .channels = 1, .frame = {codec == CodecId::opus ? 120 : 64}};
    const auto encoder = make_encoder({.format = format, .bitrate = 144000});
    const auto whole = make_decoder(format);
    const auto lossy = make_decoder(format);
    const auto frame = static_cast<std::size_t>(encoder->frame());
    std::vector<float> wanted(frame);
    std::vector<float> heard(frame);
    std::array<std::uint8_t, max_encoded_size> packet{};
    std::mt19937 random(11);  // NOLINT: the same losses each time
    std::bernoulli_distribution begins(0.03 / burst);
    std::array<double, 2> error{};
    std::array<double, 2> silence{};
    int missing = 0;
    int after = 0;
    for (std::size_t at = 0; at + frame <= signal.size(); at += frame) {
        const auto payload = std::span(packet).first(encoder->encode(&signal[at], packet));
        whole->decode(payload, wanted.data(), encoder->frame());
        if (missing == 0 && after == 0 && at > 9600 && begins(random)) missing = burst;
        const bool lost = missing > 0;
        if (lost)
            lossy->conceal(heard.data(), encoder->frame());
        else
            lossy->decode(payload, heard.data(), encoder->frame());
        if (!lost && after == 0) continue;
        for (std::size_t i = 0; i < frame; ++i) {
            const auto w = static_cast<double>(wanted[i]);
            error[lost ? 0 : 1] += std::pow(static_cast<double>(heard[i]) - w, 2);
            silence[lost ? 0 : 1] += w * w;
        }
        after = lost ? 4 : after - 1;
        missing -= lost ? 1 : 0;
    }
    return {.lost_db = 10 * std::log10(silence[0] / error[0]), .after_db = 10 * std::log10(silence[1] / error[1])};
}

TEST(OpusConcealment, IsClearlyBetterThanSilence) {
    constexpr int frames = 2 * 48000;
    std::vector<float> chord(frames);
    unsigned seed = 0;
    for (const double hz : {110.0, 164.8, 220.0, 277.2}) {
        const auto string = test::plucked_string(frames, hz, ++seed);
        for (std::size_t i = 0; i < chord.size(); ++i) chord[i] += 0.5F * string[i];
    }
    struct Case {
        const char* name;
        std::vector<float> signal;
        double lost_db;
        double after_db;
    };
    const std::array cases{Case{"string", test::plucked_string(frames, 220, 7), 18, 12}, Case{"chord", chord, 8, 5},
                           Case{"voice", test::voice(frames, 9), 2.5, 2},
                           Case{"tone", test::sine(frames, 1, 997), 22, 8}};
    for (const Case& c : cases)
        for (const CodecId codec : {CodecId::opus, CodecId::opus_custom})
            for (const int burst : {1, 3}) {
                const Gains gains = lose(codec, c.signal, burst);
                EXPECT_GT(gains.lost_db, c.lost_db) << name(codec) << ' ' << c.name << " by " << burst;
                EXPECT_GT(gains.after_db, c.after_db) << name(codec) << ' ' << c.name << " by " << burst;
                RecordProperty(std::string(name(codec)) + " " + c.name + " " + std::to_string(burst),
                               std::to_string(gains.lost_db) + " then " + std::to_string(gains.after_db) + " dB");
            }
}

}  // namespace
}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <opus_multistream.h>

#include <memory>
#include <random>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/codec.hpp"
#include "tests/unit/codec/signals.hpp"

namespace matriz::dsp {
namespace {

using Packet = std::vector<std::uint8_t>;

/// Opus packets of `frame` frames, made by libopus itself.
std::vector<Packet> encode(std::span<const float> signal, int channels, int frame) {
    const OpusLayout layout = opus_pairs(channels);
    int error = 0;
    const std::unique_ptr<OpusMSEncoder, void (*)(OpusMSEncoder*)> encoder(
        opus_multistream_encoder_create(48000, channels, layout.streams, layout.coupled, layout.mapping.data(),
                                        OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error),
        opus_multistream_encoder_destroy);
    EXPECT_EQ(error, OPUS_OK);
    std::vector<Packet> packets;
    for (std::size_t at = 0; at + static_cast<std::size_t>(frame * channels) <= signal.size();
         at += static_cast<std::size_t>(frame * channels)) {
        Packet packet(4000);
        const int size = opus_multistream_encode_float(encoder.get(), signal.data() + at, frame, packet.data(), 4000);
        EXPECT_GT(size, 0);
        packet.resize(static_cast<std::size_t>(size));
        packets.push_back(packet);
    }
    return packets;
}

std::vector<float> decode_all(Decoder& decoder, const std::vector<Packet>& packets, int channels) {
    std::vector<float> out;
    std::vector<float> buffer(static_cast<std::size_t>(5760 * channels));
    for (const Packet& packet : packets) {
        const auto frames = decoder.decode(packet, buffer.data(), 5760);
        EXPECT_TRUE(frames);
        if (frames) out.insert(out.end(), buffer.begin(), buffer.begin() + *frames * channels);
    }
    return out;
}

class OpusFrames : public testing::TestWithParam<int> {};

TEST_P(OpusFrames, DecodesAtFullLevel) {
    const int frame = GetParam();
    const auto packets = encode(test::sine(48000 / 2, 2, 440), 2, frame);
    const auto decoder = make_decoder({.codec = CodecId::opus});
    for (const Packet& packet : packets) EXPECT_EQ(decoder->frames_in(packet), frame);
    const auto out = test::channel(decode_all(*decoder, packets, 2), 0, 2);
    const std::span settled(out.begin() + 4800, out.end());
    EXPECT_NEAR(std::sqrt(2 * test::energy(settled) / static_cast<double>(settled.size())), 0.5, 0.02);
}

INSTANTIATE_TEST_SUITE_P(Lengths, OpusFrames, testing::Values(120, 240, 480, 960, 1920, 2880));

TEST(OpusDecoder, KeepsEightChannelsApart) {
    constexpr int channels = 8;
    std::vector<float> signal(static_cast<std::size_t>(24000 * channels));
    for (int c = 0; c < channels; ++c) {
        const auto tone = test::sine(24000, 1, 200.0 * (c + 1));
        for (std::size_t i = 0; i < tone.size(); ++i)
            signal[i * channels + static_cast<std::size_t>(c)] = c == 5 ? 0.0F : tone[i];
    }
    const auto decoder = make_decoder({.codec = CodecId::opus, .channels = channels});
    const auto out = decode_all(*decoder, encode(signal, channels, 240), channels);
    for (int c = 0; c < channels; ++c) {
        const double level = test::energy(test::channel(out, c, channels));
        if (c == 5)
            EXPECT_LT(level, 30) << c;
        else
            EXPECT_GT(level, 2000) << c;
    }
}

TEST(OpusDecoder, ConcealsAnyNumberOfFramesAndJoinsWithoutAStep) {
    const auto packets = encode(test::sine(24000, 1, 440), 1, 120);
    const auto decoder = make_decoder({.codec = CodecId::opus, .channels = 1});
    std::vector<float> out;
    std::vector<float> buffer(1000);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        int frames = 0;
        if (i % 40 == 20) {
            for (const int piece : {64, 1, 55}) {  // as a period of 64 asks for it
                decoder->conceal(buffer.data(), piece);
                out.insert(out.end(), buffer.begin(), buffer.begin() + piece);
            }
        } else if (i % 40 == 30) {  // more than is missing, so that a piece of concealment is blended away
            decoder->conceal(buffer.data(), frames = 64);
            out.insert(out.end(), buffer.begin(), buffer.begin() + 64);
        } else {
            frames = decoder->decode(packets[i], buffer.data(), 1000).value_or(0);
            ASSERT_EQ(frames, 120);
            out.insert(out.end(), buffer.begin(), buffer.begin() + frames);
        }
    }
    const float steepest = 0.5F * 2 * 3.1416F * 440 / 48000;
    EXPECT_LT(test::largest_step(out), 3 * steepest);
    EXPECT_GT(test::energy(std::span(out).last(12000)), 0.8 * 12000 * 0.125);
}

TEST(OpusDecoder, RefusesWhatDoesNotFit) {
    const auto packets = encode(test::sine(960, 1, 440), 1, 480);
    const auto decoder = make_decoder({.codec = CodecId::opus, .channels = 1});
    std::vector<float> buffer(480);
    EXPECT_FALSE(decoder->decode(packets[0], buffer.data(), 479));
    EXPECT_EQ(decoder->decode(packets[0], buffer.data(), 480), 480);
    EXPECT_FALSE(decoder->decode({}, buffer.data(), 480));
    EXPECT_FALSE(decoder->frames_in({}));
}

TEST(OpusDecoder, SurvivesGarbageAndStaysUsable) {
    std::mt19937 random(7);  // NOLINT: the same garbage each time
    for (const int channels : {1, 2, 3, 8}) {
        const auto packets = encode(test::sine(48000, channels, 440), channels, 120);
        const auto decoder = make_decoder({.codec = CodecId::opus, .channels = channels});
        std::vector<float> buffer(static_cast<std::size_t>(5760 * channels));
        for (int round = 0; round < 3000; ++round) {
            Packet packet;
            if (round % 2) {
                packet = packets[static_cast<std::size_t>(round) % packets.size()];
                packet.resize(1 + random() % packet.size());
            } else
                packet.resize(random() % 300);
            for (auto& byte : packet)
                if (round % 2 == 0 || random() % 16 == 0) byte = static_cast<std::uint8_t>(random());
            const auto frames = decoder->decode(packet, buffer.data(), 5760);
            if (frames) {
                EXPECT_EQ(frames, decoder->frames_in(packet));
            }
            if (round % 7 == 0) decoder->conceal(buffer.data(), static_cast<int>(random() % 500));
        }
        decoder->reset();
        const auto out = test::channel(decode_all(*decoder, packets, channels), 0, channels);
        EXPECT_NEAR(test::energy(out) / static_cast<double>(out.size()), 0.125, 0.01) << channels;
    }
}

TEST(OpusDecoder, WrongClockOrLayoutThrows) {
    EXPECT_THROW(make_decoder({.codec = CodecId::opus, .rate = {44100}}), Error);
    EXPECT_THROW(make_decoder({.codec = CodecId::opus, .layout = {.streams = 1, .coupled = 2}}), Error);
    EXPECT_THROW(make_decoder({.codec = CodecId::opus, .layout = {.streams = 300, .coupled = 2}}), Error);
}

}  // namespace
}  // namespace matriz::dsp

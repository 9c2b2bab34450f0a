// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <random>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/encoder.hpp"
#include "plugins/dsp/codec/opus_custom.hpp"
#include "tests/unit/codec/signals.hpp"

namespace matriz::dsp {
namespace {

using Packet = std::vector<std::uint8_t>;

std::vector<Packet> encode_all(Encoder& encoder, std::span<const float> signal, int channels) {
    std::vector<Packet> packets;
    const auto length = static_cast<std::size_t>(encoder.frame() * channels);
    for (std::size_t at = 0; at + length <= signal.size(); at += length) {
        Packet packet(max_encoded_size);
        packet.resize(encoder.encode(&signal[at], std::span<std::uint8_t, max_encoded_size>(packet)));
        EXPECT_FALSE(packet.empty());
        packets.push_back(packet);
    }
    return packets;
}

/// A different tone in each channel.
std::vector<float> tones(int frames, int channels, std::uint32_t rate) {
    std::vector<float> signal(static_cast<std::size_t>(frames * channels));
    for (int c = 0; c < channels; ++c) {
        const auto tone = test::sine(frames, 1, 220.0 * (c + 1), rate, 0.4);
        for (std::size_t i = 0; i < tone.size(); ++i)
            signal[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] = tone[i];
    }
    return signal;
}

/// Signal to noise of the second half of `out`, which lies `delay` frames behind `in`.
double snr_db(std::span<const float> in, std::span<const float> out, int delay, int channels) {
    const auto shift = static_cast<std::size_t>(delay * channels);
    double signal = 0;
    double noise = 1e-12;
    for (std::size_t i = out.size() / 2; i < out.size(); ++i) {
        signal += std::pow(static_cast<double>(in[i - shift]), 2);
        noise += std::pow(static_cast<double>(out[i]) - static_cast<double>(in[i - shift]), 2);
    }
    return 10 * std::log10(signal / noise);
}

struct Case {
    StreamFormat format;
    double snr_db;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << name(c.format.codec) << ' ' << c.format.rate.hz << " Hz, " << c.format.channels << " channels, "
         << c.format.frame.count << " frames";
}

class EncoderRoundTrip : public testing::TestWithParam<Case> {};

TEST_P(EncoderRoundTrip, ComesBackAfterItsDelay) {
    const StreamFormat& format = GetParam().format;
    const auto encoder = make_encoder({.format = format, .bitrate = format.channels * 160000});
    const auto decoder = make_decoder(format);
    const auto signal = tones(static_cast<int>(format.rate.hz) / 4, format.channels, format.rate.hz);
    std::vector<float> out;
    std::vector<float> buffer(static_cast<std::size_t>(8192 * format.channels));
    for (const Packet& packet : encode_all(*encoder, signal, format.channels)) {
        ASSERT_EQ(decoder->frames_in(packet), encoder->frame());
        ASSERT_EQ(decoder->decode(packet, buffer.data(), 8192), encoder->frame());
        out.insert(out.end(), buffer.begin(), buffer.begin() + encoder->frame() * format.channels);
    }
    EXPECT_GT(snr_db(signal, out, encoder->delay(), format.channels), GetParam().snr_db);
    EXPECT_EQ(format.frame.count % encoder->frame(), 0);
}

std::vector<Case> cases() {
    std::vector<Case> all;
    const auto add = [&](CodecId codec, std::uint32_t rate, int channels, int frame, double snr) {
        all.push_back({{.codec = codec, .rate = {rate}, .channels = channels, .frame = {frame}}, snr});
    };
    for (const int frame : {120, 240, 480, 960})
        for (const int channels : {1, 2, 3, 8}) add(CodecId::opus, 48000, channels, frame, 18);
    for (const std::uint32_t rate : {44100U, 48000U, 88200U, 96000U})
        for (const int frame : {64, 96, 120, 128, 240, 256, 512, 1024})
            if (opus_custom_unit({rate}, {frame}))
                for (const int channels : {1, 2, 5})
                    add(CodecId::opus_custom, rate, channels, frame, frame < 1024 ? 18 : 4);
    for (const std::uint32_t rate : {44100U, 96000U})
        for (const int frame : {16, 64, 1024})
            for (const int channels : {1, 2, 8}) {
                add(CodecId::pcm16, rate, channels, frame, 75);
                add(CodecId::pcm24, rate, channels, frame, 90);
                add(CodecId::float32, rate, channels, frame, 120);
            }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Formats, EncoderRoundTrip, testing::ValuesIn(cases()));

TEST(PcmEncoder, SplitsAPeriodThatDoesNotFitEvenly) {
    const auto frame = [](CodecId codec, int channels, int period) {
        return make_encoder({.format = {.codec = codec, .channels = channels, .frame = {period}}})->frame();
    };
    EXPECT_EQ(frame(CodecId::pcm16, 2, 64), 64);
    EXPECT_EQ(frame(CodecId::pcm16, 2, 256), 256);
    EXPECT_EQ(frame(CodecId::pcm16, 2, 512), 256);
    EXPECT_EQ(frame(CodecId::float32, 2, 128), 128);
    EXPECT_EQ(frame(CodecId::float32, 8, 1024), 32);
    EXPECT_EQ(frame(CodecId::pcm24, 8, 100), 25);
}

TEST(OpusEncoder, KeepsItsBitrate) {
    for (const CodecId codec : {CodecId::opus, CodecId::opus_custom}) {
        const int frame = codec == CodecId::opus ? 120 : 64;
        const auto encoder = make_encoder({.format = {.codec = codec, .frame = {frame}}, .bitrate = 192000});
        const auto signal = tones(4800, 2, 48000);
        for (const int bitrate : {192000, 96000, 256000}) {
            encoder->set_bitrate(bitrate);
            std::size_t bytes = 0;
            const auto packets = encode_all(*encoder, signal, 2);
            for (const Packet& packet : packets) bytes += packet.size();
            const double rate = static_cast<double>(bytes) * 8 * 48000 / (static_cast<double>(packets.size()) * frame);
            EXPECT_NEAR(rate, bitrate, bitrate * 0.03) << name(codec);
        }
    }
}

TEST(OpusEncoder, NeverOutgrowsAPacket) {
    for (const int channels : {2, 8})
        for (const CodecId codec : {CodecId::opus, CodecId::opus_custom}) {
            const auto encoder =
                make_encoder({.format = {.codec = codec, .channels = channels, .frame = {960}}, .bitrate = 100000000});
            for (const Packet& packet : encode_all(*encoder, tones(9600, channels, 48000), channels))
                EXPECT_LE(packet.size(), max_encoded_size);
        }
}

TEST(OpusCustom, KnowsWhatIsPossible) {
    const auto unit = [](std::uint32_t rate, int period) { return opus_custom_unit({rate}, {period}).value_or(0); };
    EXPECT_EQ(unit(48000, 64), 64);
    EXPECT_EQ(unit(48000, 120), 120);
    EXPECT_EQ(unit(48000, 128), 64);
    EXPECT_EQ(unit(48000, 240), 240);
    EXPECT_EQ(unit(48000, 256), 64);
    EXPECT_EQ(unit(44100, 1024), 64);
    EXPECT_EQ(unit(96000, 256), 128);
    for (const int period : {-64, 0, 16, 32, 65, 2048}) EXPECT_EQ(unit(48000, period), 0) << period;
    EXPECT_EQ(unit(96000, 64), 0);
    EXPECT_EQ(unit(32000, 64), 0);
}

TEST(OpusCustom, ConcealsAndJoinsWithoutAStep) {
    const StreamFormat format{.codec = CodecId::opus_custom, .channels = 1, .frame = {64}};
    const auto encoder = make_encoder({.format = format, .bitrate = 128000});
    const auto decoder = make_decoder(format);
    const auto packets = encode_all(*encoder, test::sine(48000, 1, 440), 1);
    std::vector<float> out;
    std::vector<float> buffer(64);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        if (i % 50 == 20)
            decoder->conceal(buffer.data(), 64);
        else if (i % 50 == 40)
            decoder->conceal(buffer.data(), 40);  // and the rest of that frame is blended away
        else
            ASSERT_EQ(decoder->decode(packets[i], buffer.data(), 64), 64);
        out.insert(out.end(), buffer.begin(), buffer.begin() + (i % 50 == 40 ? 40 : 64));
    }
    const float steepest = 0.5F * 2 * 3.1416F * 440 / 48000;
    EXPECT_LT(test::largest_step(out), 3 * steepest);
    EXPECT_GT(test::energy(out), 0.9 * static_cast<double>(out.size()) * 0.125);
}

TEST(OpusCustom, SurvivesGarbageAndStaysUsable) {
    std::mt19937 random(7);  // NOLINT: the same garbage each time
    for (const int channels : {1, 2, 5})
        for (const int frame : {64, 96, 120, 128, 960}) {
            const StreamFormat format{.codec = CodecId::opus_custom, .channels = channels, .frame = {frame}};
            const auto encoder = make_encoder({.format = format});
            const auto decoder = make_decoder(format);
            const auto signal = test::sine(24000, channels, 440);
            const auto packets = encode_all(*encoder, signal, channels);
            std::vector<float> buffer(static_cast<std::size_t>(frame * channels));
            for (int round = 0; round < 1000; ++round) {
                Packet packet = packets[static_cast<std::size_t>(round) % packets.size()];
                for (auto& byte : packet)
                    if (random() % 20 == 0) byte = static_cast<std::uint8_t>(random());
                if (round % 3 == 0) packet.resize(random() % (packet.size() + 1));
                if (round % 3 == 1 && channels < 3 && frame <= 120)
                    packet.front() = static_cast<std::uint8_t>(random());
                const auto frames = decoder->decode(packet, buffer.data(), frame);
                EXPECT_EQ(frames, decoder->frames_in(packet));
            }
            EXPECT_FALSE(decoder->decode(packets[0], buffer.data(), frame - 1));
            EXPECT_FALSE(decoder->frames_in({}));
            decoder->reset();
            double energy = 0;
            for (const Packet& packet : packets) {
                ASSERT_EQ(decoder->decode(packet, buffer.data(), frame), frame);
                energy += test::energy(test::channel(buffer, 0, channels));
            }
            EXPECT_NEAR(energy / static_cast<double>(packets.size()) / frame, 0.125, 0.015) << channels << " " << frame;
        }
}

TEST(MakeEncoder, WhatCannotBeEncodedThrows) {
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::opus, .rate = {44100}, .frame = {120}}}), Error);
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::opus, .frame = {64}}}), Error);
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::opus_custom, .frame = {32}}}), Error);
    EXPECT_THROW(make_decoder({.codec = CodecId::opus_custom, .frame = {32}}), Error);
    EXPECT_THROW(make_decoder({.codec = CodecId::opus_custom, .frame = {0}}), Error);
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::pcm16, .frame = {0}}}), Error);
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::pcm16, .channels = 9, .frame = {64}}}), Error);
    EXPECT_THROW(make_encoder({.format = {.codec = CodecId::pcm16, .rate = {1}, .frame = {64}}}), Error);
}

}  // namespace
}  // namespace matriz::dsp

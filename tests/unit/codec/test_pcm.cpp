// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/codec/pcm.hpp"

namespace matriz::dsp {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class Sample>
Bytes wire(const std::vector<float>& samples) {
    Bytes bytes(samples.size() * Sample::size);
    for (std::size_t i = 0; i < samples.size(); ++i) Sample::write(&bytes[i * Sample::size], samples[i]);
    return bytes;
}

TEST(Pcm, BytesAreThoseOfTheRfcs) {
    EXPECT_EQ((wire<Pcm16>({0.5F, -1.0F, 1.0F, 2.0F, -2.0F})),
              (Bytes{0x40, 0x00, 0x80, 0x00, 0x7F, 0xFF, 0x7F, 0xFF, 0x80, 0x00}));
    EXPECT_EQ((wire<Pcm24>({0.5F, -1.0F, 1.0F, -1.0F / 8388608})),
              (Bytes{0x40, 0, 0, 0x80, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
    EXPECT_EQ((wire<Float32>({1.0F})), (Bytes{0x3F, 0x80, 0, 0}));
}

template <class Sample>
void expect_round_trip(CodecId codec, float tolerance) {
    const auto decoder = make_decoder({.codec = codec, .rate = {44100}, .channels = 3});
    const std::vector<float> in{0.1F, -0.2F, 0.3F, 0.999F, -1.0F, 0.0F};
    const Bytes bytes = wire<Sample>(in);
    EXPECT_EQ(decoder->frames_in(bytes), 2);
    std::vector<float> out(6);
    EXPECT_EQ(decoder->decode(bytes, out.data(), 2), 2);
    for (std::size_t i = 0; i < in.size(); ++i) EXPECT_NEAR(out[i], in[i], tolerance) << name(codec);

    EXPECT_FALSE(decoder->decode(bytes, out.data(), 1));
    EXPECT_FALSE(decoder->frames_in(std::span(bytes).first(bytes.size() - 1)));
    EXPECT_FALSE(decoder->frames_in({}));
}

TEST(Pcm, RoundTrip) {
    expect_round_trip<Pcm16>(CodecId::pcm16, 1.0F / 65536);
    expect_round_trip<Pcm24>(CodecId::pcm24, 1.0F / 16777216);
    expect_round_trip<Float32>(CodecId::float32, 0);
}

TEST(Pcm, Every16BitSampleComesBack) {
    for (int i = -32768; i < 32768; ++i) {
        Bytes bytes(2);
        write_u16(bytes.data(), static_cast<std::uint16_t>(i));
        EXPECT_EQ(wire<Pcm16>({Pcm16::read(bytes.data())}), bytes);
    }
}

TEST(Pcm, FloatsThatAreNoSoundStayOut) {
    const auto decoder = make_decoder({.codec = CodecId::float32, .channels = 1});
    const auto bytes = wire<Float32>({std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                      -std::numeric_limits<float>::infinity(), 1e30F});
    std::vector<float> out(4);
    ASSERT_EQ(decoder->decode(bytes, out.data(), 4), 4);
    EXPECT_EQ(out, (std::vector{0.0F, 0.0F, 0.0F, Float32::limit}));
}

TEST(Pcm, ImpossibleRatesThrow) {
    for (const std::uint32_t hz : {0U, 7999U, 4000000000U})
        EXPECT_THROW(make_decoder({.codec = CodecId::pcm16, .rate = {hz}}), Error) << hz;
}

}  // namespace
}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/stream_rate.hpp"

#include <gtest/gtest.h>

namespace matriz::emitter {
namespace {

StreamRate rate(dsp::CodecId codec, int channels, std::uint32_t hz, int period) {
    return stream_rate(
        {.channels = channels, .codec = codec, .frame = std::chrono::microseconds{5000}, .bitrate = 96'000},
        {.rate = SampleRate{hz}, .period = Frames{period}});
}

TEST(StreamRate, OpusIsAsConfiguredWhateverJackDoes) {
    for (const int period : {64, 1024}) {
        const StreamRate opus = rate(dsp::CodecId::opus, 2, 44100, period);
        EXPECT_DOUBLE_EQ(opus.packet.count(), 5);
        EXPECT_EQ(opus.bitrate, 96'000);
        EXPECT_DOUBLE_EQ(opus.packets_per_second(), 200);
    }
}

TEST(StreamRate, OpusCustomHasAPacketAPeriod) {
    const StreamRate custom = rate(dsp::CodecId::opus_custom, 2, 48000, 256);
    EXPECT_NEAR(custom.packet.count(), 256 / 48.0, 1e-5);
    EXPECT_EQ(custom.bitrate, 96'000);
}

TEST(StreamRate, PcmIsWhatItsSamplesTake) {
    EXPECT_EQ(rate(dsp::CodecId::pcm16, 2, 48000, 128).bitrate, 1'536'000);
    EXPECT_EQ(rate(dsp::CodecId::pcm24, 2, 48000, 128).bitrate, 2'304'000);
    EXPECT_EQ(rate(dsp::CodecId::float32, 1, 44100, 128).bitrate, 1'411'200);
    EXPECT_EQ(rate(dsp::CodecId::float32, 8, 192000, 64).bitrate, 49'152'000);
}

TEST(StreamRate, PcmHasAPacketAPeriodOrAnEvenPartOfIt) {
    EXPECT_NEAR(rate(dsp::CodecId::pcm16, 2, 48000, 128).packet.count(), 128 / 48.0, 1e-5);
    EXPECT_NEAR(rate(dsp::CodecId::pcm16, 2, 48000, 512).packet.count(), 256 / 48.0, 1e-5) << "2048 bytes fit two";
    EXPECT_NEAR(rate(dsp::CodecId::float32, 8, 48000, 128).packet.count(), 32 / 48.0, 1e-5) << "4096 bytes fit four";
}

TEST(StreamRate, PcmLeavesRoomForACopyWhereCopiesMayBeAskedFor) {
    const auto packet = [](dsp::CodecId codec, int period) {
        return pcm_packet({.codec = codec, .redundant = true}, {.rate = {48000}, .period = Frames{period}}).count;
    };
    EXPECT_EQ(packet(dsp::CodecId::pcm16, 64), 64);
    EXPECT_EQ(packet(dsp::CodecId::pcm16, 128), 128);
    EXPECT_EQ(packet(dsp::CodecId::pcm16, 256), 128) << "1024 bytes leave none";
    EXPECT_EQ(packet(dsp::CodecId::pcm24, 128), 64);
    EXPECT_EQ(packet(dsp::CodecId::float32, 64), 64);
    EXPECT_EQ(packet(dsp::CodecId::opus_custom, 256), 256);
}

}  // namespace
}  // namespace matriz::emitter

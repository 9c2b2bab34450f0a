// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/flood_guard.hpp"

#include <gtest/gtest.h>

#include "node/gst/init.hpp"
#include "node/webrtc/streams.hpp"

namespace matriz::webrtc {
namespace {

using namespace std::chrono_literals;

/// So many packets, evenly spread over `time`; how many of them were let through.
int send(PacketAllowance& allowance, PacketAllowance::Clock::time_point& now, int packets,
         std::chrono::nanoseconds time, double a_second) {
    int taken = 0;
    for (int i = 0; i < packets; ++i) {
        now += time / packets;
        if (allowance.take(now, a_second)) ++taken;
    }
    return taken;
}

TEST(PacketAllowance, LetsThroughWhatIsAllowedForEver) {
    PacketAllowance allowance;
    PacketAllowance::Clock::time_point now{};
    EXPECT_EQ(send(allowance, now, 60'000, 60s, 1000), 60'000);
    EXPECT_FALSE(allowance.flooding_since());
}

TEST(PacketAllowance, LetsThroughWhatWaitedForAMoment) {
    PacketAllowance allowance;
    PacketAllowance::Clock::time_point now{};
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(send(allowance, now, 400, 0s, 1000), 400) << i;
        now += 400ms;
    }
    EXPECT_FALSE(allowance.flooding_since());
}

TEST(PacketAllowance, AFloodGetsThroughAtTheAllowedRateAndIsKnown) {
    PacketAllowance allowance;
    PacketAllowance::Clock::time_point now{};
    EXPECT_NEAR(send(allowance, now, 100'000, 10s, 1000), 10'000 + PacketAllowance::least_burst, 2);
    ASSERT_TRUE(allowance.flooding_since());
    EXPECT_LT(*allowance.flooding_since(), PacketAllowance::Clock::time_point{} + 1s);
}

TEST(PacketAllowance, AFloodIsOverAfterAPause) {
    PacketAllowance allowance;
    PacketAllowance::Clock::time_point now{};
    send(allowance, now, 10'000, 1s, 1000);
    ASSERT_TRUE(allowance.flooding_since());
    now += 400ms;
    EXPECT_TRUE(allowance.take(now, 1000));
    EXPECT_FALSE(allowance.flooding_since());
}

TEST(MostPackets, IsEnoughForEverythingThatANodeSends) {
    gst::initialise();
    const auto most = [](dsp::CodecId codec, std::uint32_t rate, int period, int channels) {
        const auto stream = stream_for(
            negotiation::ask_for_everything({rate}, {period}),
            {.sender = {.codec = codec, .redundancy = true, .rate = {rate}, .period = {period}}, .channels = channels});
        return most_packets(format_of(stream));
    };
    EXPECT_GE(most(dsp::CodecId::opus, 48000, 64, 2), 400 + 100);
    EXPECT_LE(most(dsp::CodecId::opus, 48000, 64, 2), 1000);
    EXPECT_GE(most(dsp::CodecId::opus_custom, 48000, 64, 2), 750 + 100);
    EXPECT_GE(most(dsp::CodecId::pcm16, 48000, 16, 1), 3000 + 100);
    // 512 bytes, each 16 frames.
    EXPECT_GE(most(dsp::CodecId::float32, 48000, 16, 8), 3000 + 100);
    // 4096 bytes, each 128 frames, in four packets; and at the double rate.
    EXPECT_GE(most(dsp::CodecId::float32, 48000, 128, 8), 1500 + 100);
    EXPECT_GE(most(dsp::CodecId::float32, 96000, 16, 8), 6000 + 100);
    EXPECT_LE(most(dsp::CodecId::float32, 96000, 16, 8), 15'000);
    EXPECT_GE(most_packets(std::nullopt), 100);
    EXPECT_LE(most_packets(std::nullopt), 500);
}

}  // namespace
}  // namespace matriz::webrtc

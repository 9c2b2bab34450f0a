// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/red.hpp"
#include "plugins/gst/rtp_caps.hpp"
#include "tests/plugins/rtp/harness.hpp"

namespace matriz::plugin {
namespace {

using test::Harness;
using test::Packet;

TEST(RtpRed, WrapsWhatThePayloaderSends) {
    Harness harness("matrizrtppay codec=pcm16 pt=97 ! matrizrtpred pt=100 redundancy=2", 48000, 2);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(harness.push(64), GST_FLOW_OK);
    const auto packets = harness.packets();
    ASSERT_EQ(packets.size(), 10U);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const auto& rtp = packets[i].rtp;
        EXPECT_EQ(rtp.header.payload_type, 100);
        EXPECT_EQ(rtp.header.marker, i == 0);
        EXPECT_EQ(distance(rtp.header.seq, packets[0].rtp.header.seq), static_cast<int>(i));
        EXPECT_NEAR(static_cast<double>(packets[i].pts), static_cast<double>(i) * 64 * 1e9 / 48000, 1000);
        const auto blocks = dsp::parse_red(rtp.header.time, rtp.payload);
        ASSERT_TRUE(blocks);
        ASSERT_EQ(blocks->size(), std::min<std::size_t>(i + 1, 3));
        int back = static_cast<int>(blocks->size()) - 1;
        for (const auto& block : *blocks) {
            EXPECT_EQ(block.payload_type, 97);
            EXPECT_EQ(block.payload.size(), 256U);
            EXPECT_EQ(distance(rtp.header.time, block.time), 64 * back--);
        }
    }
    const auto stream = harness.stream();
    EXPECT_EQ(stream.format.codec, dsp::CodecId::pcm16);
    EXPECT_EQ(stream.format.channels, 2);
    EXPECT_EQ(stream.payload_type, 97);
    EXPECT_EQ(stream.red_payload_type, 100);
}

TEST(RtpRed, GoesPlainWhileThereIsNoNeed) {
    Harness harness("matrizrtppay ! matrizrtpred pt=100 always=false", 48000, 2);
    GstElement* red = gst_harness_find_element(harness.get(), "matrizrtpred");
    harness.push(120);
    g_object_set(red, "redundancy", 1, nullptr);
    harness.push(120);
    gst_object_unref(red);
    const auto packets = harness.packets();
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets[0].rtp.header.payload_type, 96);
    EXPECT_EQ(packets[1].rtp.header.payload_type, 100);
    const auto blocks = dsp::parse_red(packets[1].rtp.header.time, packets[1].rtp.payload);
    ASSERT_TRUE(blocks);
    ASSERT_EQ(blocks->size(), 2U);
    const std::vector<std::uint8_t> plain(packets[0].rtp.payload.begin(), packets[0].rtp.payload.end());
    const auto rides = blocks->begin()->payload;
    EXPECT_EQ(std::vector<std::uint8_t>(rides.begin(), rides.end()), plain);
}

TEST(RtpRed, GStreamersOwnDecoderTakesItApartAndRecovers) {
    // capssetter: rtpreddec leaves the caps those of RED
    Harness harness(
        "matrizrtppay codec=pcm16 pt=97 ! matrizrtpred pt=100 redundancy=1 ! rtpreddec pt=100 ! capssetter "
        "replace=true "
        "caps=application/x-rtp,media=audio,encoding-name=L16,clock-rate=48000,payload=97,channels=2 ! rtpL16depay",
        48000, 2);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(harness.push(64), GST_FLOW_OK);
    std::size_t bytes = 0;
    while (GstBuffer* buffer = gst_harness_try_pull(harness.get())) {
        bytes += gst_buffer_get_size(buffer);
        gst_buffer_unref(buffer);
    }
    EXPECT_EQ(bytes, 50U * 256);
}

TEST(RtpRed, DropsWhatIsNoRtp) {
    GstHarness* harness = gst_harness_new("matrizrtpred");
    gst_harness_set_src_caps_str(harness,
                                 "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=96");
    EXPECT_EQ(gst_harness_push(harness, gst_buffer_new_allocate(nullptr, 3, nullptr)), GST_FLOW_OK);
    EXPECT_EQ(gst_harness_try_pull(harness), nullptr);
    gst_harness_teardown(harness);
}

}  // namespace
}  // namespace matriz::plugin

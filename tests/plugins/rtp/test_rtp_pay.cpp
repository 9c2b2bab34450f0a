// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/check/gstharness.h>
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

struct Case {
    std::string codec;
    int rate;
    int channels;
    int buffer;  ///< frames pushed at once
    int frame;   ///< frames expected in a packet
};

class RtpPay : public testing::TestWithParam<Case> {};

TEST_P(RtpPay, SendsEvenPacketsThatOurDecodersPlay) {
    const Case& c = GetParam();
    Harness harness("matrizrtppay codec=" + c.codec, c.rate, c.channels);
    const int count = c.rate / 4 / c.buffer;
    for (int i = 0; i < count; ++i) ASSERT_EQ(harness.push(c.buffer), GST_FLOW_OK);
    const auto packets = harness.packets();
    ASSERT_EQ(packets.size(), static_cast<std::size_t>(count * c.buffer / c.frame));

    const auto stream = harness.stream();
    EXPECT_EQ(dsp::name(stream.format.codec), c.codec);
    EXPECT_EQ(stream.format.channels, c.channels);
    const auto decoder = dsp::make_decoder(stream.format);
    std::vector<float> out(static_cast<std::size_t>(c.frame * c.channels));
    double energy = 0;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const auto& rtp = packets[i].rtp;
        EXPECT_LE(packets[i].bytes.size(), dsp::max_datagram_size);
        EXPECT_EQ(rtp.header.marker, i == 0);
        EXPECT_EQ(rtp.header.payload_type, 96);
        EXPECT_EQ(distance(rtp.header.seq, packets[0].rtp.header.seq), static_cast<int>(i));
        EXPECT_EQ(distance(rtp.header.time, packets[0].rtp.header.time), static_cast<int>(i) * c.frame);
        EXPECT_NEAR(static_cast<double>(packets[i].pts), static_cast<double>(i) * c.frame * 1e9 / c.rate, 1000);
        ASSERT_EQ(decoder->decode(rtp.payload, out.data(), c.frame), c.frame);
        for (const float x : out) energy += static_cast<double>(x) * static_cast<double>(x);
    }
    EXPECT_NEAR(energy / static_cast<double>(packets.size() * out.size()), 0.125, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Codecs, RtpPay,
                         testing::Values(Case{"opus", 48000, 2, 64, 120}, Case{"opus", 48000, 1, 1000, 120},
                                         Case{"opus", 48000, 6, 128, 120}, Case{"opus-custom", 48000, 2, 64, 64},
                                         Case{"opus-custom", 48000, 2, 128, 128}, Case{"opus-custom", 44100, 3, 64, 64},
                                         Case{"pcm16", 48000, 2, 64, 64}, Case{"pcm16", 44100, 2, 1024, 256},
                                         Case{"pcm24", 96000, 1, 128, 128}, Case{"float32", 48000, 8, 64, 32}),
                         [](const auto& test) {
                             std::string label = test.param.codec + "_" + std::to_string(test.param.rate) + "_" +
                                                 std::to_string(test.param.channels) + "_" +
                                                 std::to_string(test.param.buffer);
                             for (char& ch : label)
                                 if (ch == '-') ch = '_';
                             return label;
                         });

TEST(RtpPayOthers, GStreamersOwnElementsPlayIt) {
    for (const char* chain : {"matrizrtppay codec=opus ! rtpopusdepay ! opusdec ! audioconvert",
                              "matrizrtppay codec=opus frame=480 ! rtpopusdepay ! opusdec ! audioconvert",
                              "matrizrtppay codec=pcm16 ! rtpL16depay ! audioconvert",
                              "matrizrtppay codec=pcm24 ! rtpL24depay ! audioconvert"}) {
        Harness harness(std::string(chain) + " ! capsfilter caps=audio/x-raw,format=F32LE", 48000, 2);
        for (int i = 0; i < 200; ++i) ASSERT_EQ(harness.push(64), GST_FLOW_OK) << chain;
        std::vector<float> out;
        while (GstBuffer* buffer = gst_harness_try_pull(harness.get())) {
            const auto at = out.size();
            out.resize(at + gst_buffer_get_size(buffer) / sizeof(float));
            gst_buffer_extract(buffer, 0, &out[at], (out.size() - at) * sizeof(float));
            gst_buffer_unref(buffer);
        }
        ASSERT_GT(out.size(), 2U * 12000) << chain;
        double energy = 0;
        for (std::size_t i = 2 * 4800; i < out.size(); ++i)
            energy += static_cast<double>(out[i]) * static_cast<double>(out[i]);
        EXPECT_NEAR(energy / static_cast<double>(out.size() - 2 * 4800), 0.125, 0.01) << chain;
    }
}

std::vector<int> ticks(const std::vector<Packet>& packets) {
    std::vector<int> result;
    for (const Packet& packet : packets) result.push_back(distance(packet.rtp.header.time, packets[0].rtp.header.time));
    return result;
}
std::vector<bool> markers(const std::vector<Packet>& packets) {
    std::vector<bool> result;
    for (const Packet& packet : packets) result.push_back(packet.rtp.header.marker);
    return result;
}

TEST(RtpPayTime, GoesOnOverAGapInOffsets) {
    Harness harness("matrizrtppay codec=pcm16 frame=64", 48000, 2);
    harness.push(100);
    harness.skip(1000);
    harness.push(128);
    const auto packets = harness.packets();
    EXPECT_EQ(ticks(packets), (std::vector{0, 1100, 1164}));
    EXPECT_EQ(markers(packets), (std::vector{true, true, false}));
    EXPECT_EQ(distance(packets[2].rtp.header.seq, packets[0].rtp.header.seq), 2);
}

TEST(RtpPayTime, GoesOnOverAGapInTimes) {
    Harness harness("matrizrtppay codec=pcm16 frame=48", 48000, 2);
    harness.without_offsets();
    harness.push(48);
    harness.skip(24, false);  // half a millisecond that nobody announced: a clock that wobbles
    harness.push(48);
    harness.skip(480);
    harness.push(48);
    const auto packets = harness.packets();
    EXPECT_EQ(markers(packets), (std::vector{true, false, true}));
    EXPECT_EQ(ticks(packets), (std::vector{0, 48, 96 + 480}));
}

std::vector<int> blocks_of(const Packet& packet) {
    const auto blocks = dsp::parse_red(packet.rtp.header.time, packet.rtp.payload);
    std::vector<int> back;
    EXPECT_TRUE(blocks);
    if (blocks)
        for (const auto& block : *blocks) {
            EXPECT_EQ(block.payload_type, 97);
            back.push_back(distance(packet.rtp.header.time, block.time) / 120);
        }
    return back;
}

TEST(RtpPayRed, RedundancyChangesLive) {
    Harness harness("matrizrtppay name=pay codec=opus red=true pt=100", 48000, 2);
    GstElement* pay = gst_harness_find_element(harness.get(), "matrizrtppay");
    for (int i = 0; i < 4; ++i) harness.push(120);
    g_object_set(pay, "redundancy", 2, nullptr);
    for (int i = 0; i < 2; ++i) harness.push(120);
    g_object_set(pay, "redundancy", 1, "redundancy-distance", 3, nullptr);
    harness.push(120);
    g_object_set(pay, "redundancy", 0, nullptr);
    harness.push(120);
    gst_object_unref(pay);

    const auto packets = harness.packets();
    ASSERT_EQ(packets.size(), 8U);
    EXPECT_EQ(packets[0].rtp.header.payload_type, 100);
    EXPECT_EQ(blocks_of(packets[3]), (std::vector{0}));
    EXPECT_EQ(blocks_of(packets[4]), (std::vector{2, 1, 0}));
    EXPECT_EQ(blocks_of(packets[5]), (std::vector{2, 1, 0}));
    EXPECT_EQ(blocks_of(packets[6]), (std::vector{3, 0}));
    EXPECT_EQ(blocks_of(packets[7]), (std::vector{0}));
    const auto stream = harness.stream();
    EXPECT_EQ(stream.red_payload_type, 100);
    EXPECT_EQ(stream.payload_type, 97);
    EXPECT_EQ(stream.format.codec, dsp::CodecId::opus);
}

TEST(RtpPayErrors, AnImpossiblePeriodIsAnErrorOnTheBus) {
    GstElement* pay = gst_element_factory_make("matrizrtppay", nullptr);
    g_object_set(pay, "codec", "opus-custom", nullptr);
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(pay, bus);
    GstHarness* harness = gst_harness_new_with_element(pay, "sink", "src");
    gst_harness_set_src_caps_str(harness, "audio/x-raw,format=F32LE,layout=interleaved,rate=48000,channels=2");
    EXPECT_EQ(gst_harness_push(harness, gst_buffer_new_allocate(nullptr, 32 * 8, nullptr)), GST_FLOW_NOT_NEGOTIATED);
    GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ASSERT_NE(message, nullptr);
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    EXPECT_NE(std::string(error->message).find("opus-custom cannot carry 32 frames at 48000 Hz"), std::string::npos);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_bus(pay, nullptr);
    gst_object_unref(bus);
    gst_harness_teardown(harness);
    gst_object_unref(pay);
}

TEST(RtpPayErrors, OpusAsksForItsRate) {
    GstHarness* harness = gst_harness_new_parse("matrizrtppay codec=opus");
    GstCaps* caps = gst_pad_peer_query_caps(harness->srcpad, nullptr);
    int rate = 0;
    EXPECT_TRUE(gst_structure_get_int(gst_caps_get_structure(caps, 0), "rate", &rate));
    EXPECT_EQ(rate, 48000);
    gst_caps_unref(caps);
    gst_harness_teardown(harness);
}

}  // namespace
}  // namespace matriz::plugin

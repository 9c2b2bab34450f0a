// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/plugins/playout/packets.hpp"

namespace matriz::plugin::test {
namespace {

class PlayoutElement : public testing::Test {
  protected:
    void make(const std::string& description) {
        harness_ = gst_harness_new_parse(description.c_str());
        gst_harness_use_testclock(harness_);
        gst_harness_set_src_caps_str(harness_, pcm_caps);
    }
    void TearDown() override {
        if (harness_) gst_harness_teardown(harness_);
    }

    /// Lets the next period begin and returns its peak.
    float period() {
        EXPECT_TRUE(gst_harness_crank_single_clock_wait(harness_));
        GstBuffer* buffer = gst_harness_pull(harness_);
        if (!buffer) return -1;
        last_pts_ = GST_BUFFER_PTS(buffer);
        last_duration_ = GST_BUFFER_DURATION(buffer);
        GstMapInfo map;
        gst_buffer_map(buffer, &map, GST_MAP_READ);
        const auto* samples = reinterpret_cast<const float*>(map.data);
        float peak = 0;
        for (gsize i = 0; i < map.size / sizeof(float); ++i) peak = std::max(peak, std::abs(samples[i]));
        last_samples_ = map.size / sizeof(float);
        gst_buffer_unmap(buffer, &map);
        gst_buffer_unref(buffer);
        return peak;
    }
    void send() {
        ASSERT_EQ(gst_harness_push(harness_, pcm_packet(seq_++, time_, 120)), GST_FLOW_OK);
        time_ += 120;
    }

    GstHarness* harness_ = nullptr;
    std::uint16_t seq_ = 65530;
    std::uint32_t time_ = 0xffffff00;
    GstClockTime last_pts_ = 0;
    GstClockTime last_duration_ = 0;
    gsize last_samples_ = 0;
};

TEST_F(PlayoutElement, PlaysInStepWithTheClock) {
    make("matrizplayout channels=2 period=2.5");
    float loudest = 0;
    for (int i = 0; i < 4000; ++i) {
        send();
        const GstClockTime before = last_pts_ + last_duration_;
        loudest = std::max(loudest, period());
        EXPECT_EQ(last_samples_, 240U);
        if (i > 0) {
            EXPECT_EQ(last_pts_, before) << "no gap between buffers";
        }
        EXPECT_EQ(last_duration_, 2500 * GST_USECOND);
    }
    EXPECT_NEAR(loudest, 0.5, 0.01);
    GstStructure* stats = nullptr;
    GstElement* element = gst_harness_find_element(harness_, "matrizplayout");
    g_object_get(element, "stats", &stats, nullptr);
    gst_object_unref(element);
    guint64 received = 0;
    guint64 concealed = 1;
    double delay = -1;
    gboolean playing = FALSE;
    gst_structure_get(stats, "received", G_TYPE_UINT64, &received, "concealed", G_TYPE_UINT64, &concealed, "delay-ms",
                      G_TYPE_DOUBLE, &delay, "playing", G_TYPE_BOOLEAN, &playing, nullptr);
    gst_structure_free(stats);
    EXPECT_EQ(received, 4000U);
    EXPECT_EQ(concealed, 0U);
    EXPECT_LT(delay, 4);
    EXPECT_TRUE(playing);
}

TEST_F(PlayoutElement, ConvertsToTheRateAsked) {
    make("matrizplayout rate=44100 channels=1 period=10");
    for (int i = 0; i < 3; ++i) send();
    period();
    EXPECT_EQ(last_samples_, 441U);
    GstCaps* caps = gst_pad_get_current_caps(harness_->sinkpad);
    ASSERT_TRUE(caps);
    gint rate = 0;
    gst_structure_get_int(gst_caps_get_structure(caps, 0), "rate", &rate);
    EXPECT_EQ(rate, 44100);
    gst_caps_unref(caps);
}

TEST_F(PlayoutElement, IsALiveSourceOfOnePeriod) {
    make("matrizplayout period=5");
    GstQuery* query = gst_query_new_latency();
    ASSERT_TRUE(gst_pad_peer_query(harness_->sinkpad, query));
    gboolean live = FALSE;
    GstClockTime least = 0;
    gst_query_parse_latency(query, &live, &least, nullptr);
    EXPECT_TRUE(live);
    EXPECT_EQ(least, 5 * GST_MSECOND);
    gst_query_unref(query);
}

TEST_F(PlayoutElement, RefusesCapsItCannotPlay) {
    harness_ = gst_harness_new("matrizplayout");
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(harness_->element, bus);
    GstPad* sink = gst_element_get_static_pad(harness_->element, "sink");
    for (const char* text : {"application/x-rtp,media=audio,encoding-name=PCMU,clock-rate=8000",
                             "application/x-rtp,media=audio,encoding-name=L16,clock-rate=48000,channels=99",
                             "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=44100",
                             "application/x-rtp,media=audio,encoding-name=L16,clock-rate=1"}) {
        GstCaps* caps = gst_caps_from_string(text);
        gst_pad_send_event(sink, gst_event_new_stream_start("test"));
        EXPECT_FALSE(gst_pad_send_event(sink, gst_event_new_caps(caps))) << text;
        gst_caps_unref(caps);
        GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
        EXPECT_TRUE(message) << text;
        if (message) gst_message_unref(message);
    }
    gst_object_unref(sink);
    gst_element_set_bus(harness_->element, nullptr);
    gst_object_unref(bus);
}

TEST_F(PlayoutElement, StopsWhileWaiting) {
    make("matrizplayout");
    send();
    gst_harness_wait_for_clock_id_waits(harness_, 1, 5);
    // teardown stops the task that waits for a clock which never ticks
}

}  // namespace
}  // namespace matriz::plugin::test

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>
#include <gst/rtp/gstrtpbuffer.h>
#include <gtest/gtest.h>

#include "plugins/gst/sequence_stats.hpp"
#include "tests/plugins/playout/packets.hpp"

namespace matriz::plugin::test {
namespace {

guint64 count(GstHarness* harness, const char* field) {
    GstStructure* stats = nullptr;
    g_object_get(harness->element, "stats", &stats, nullptr);
    guint64 value = 0;
    EXPECT_TRUE(gst_structure_get_uint64(stats, field, &value)) << field;
    gst_structure_free(stats);
    return value;
}

class Jitterbuffer : public testing::Test {
  protected:
    void SetUp() override {
        harness_ = gst_harness_new("matrizjitterbuffer");
        gst_harness_set_src_caps_str(harness_, pcm_caps);
    }
    void TearDown() override { gst_harness_teardown(harness_); }
    GstHarness* harness_ = nullptr;
};

TEST_F(Jitterbuffer, PassesEveryPacketOnAtOnceAndUntouched) {
    for (const int seq : {5, 6, 9, 8, 8, 20}) {
        GstBuffer* buffer = pcm_packet(static_cast<std::uint16_t>(seq), 0, 64);
        gst_buffer_ref(buffer);
        ASSERT_EQ(gst_harness_push(harness_, buffer), GST_FLOW_OK);
        GstBuffer* out = gst_harness_try_pull(harness_);
        EXPECT_EQ(out, buffer);
        gst_buffer_unref(out);
        gst_buffer_unref(buffer);
    }
    EXPECT_EQ(count(harness_, "num-pushed"), 6U);
    EXPECT_EQ(count(harness_, "num-duplicates"), 1U);
    EXPECT_EQ(count(harness_, "num-lost"), 11U);
    EXPECT_EQ(count(harness_, "num-late"), 0U);
    EXPECT_EQ(count(harness_, "rtx-success-count"), 0U);
}

TEST_F(Jitterbuffer, AddsNoLatency) {
    gst_harness_set_upstream_latency(harness_, 3 * GST_MSECOND);
    EXPECT_EQ(gst_harness_query_latency(harness_), 3 * GST_MSECOND);
}

TEST_F(Jitterbuffer, HasWhatRtpbinAndWebrtcbinAskFor) {
    GObjectClass* klass = G_OBJECT_GET_CLASS(harness_->element);
    for (const char* name :
         {"latency", "do-retransmission", "do-lost", "drop-on-latency", "ts-offset", "percent", "stats"})
        EXPECT_TRUE(g_object_class_find_property(klass, name)) << name;
    for (const char* name : {"request-pt-map", "handle-sync", "on-npt-stop", "clear-pt-map", "set-active"})
        EXPECT_NE(g_signal_lookup(name, G_OBJECT_TYPE(harness_->element)), 0U) << name;
    g_object_set(harness_->element, "latency", 17U, "do-retransmission", TRUE, nullptr);
    guint latency = 0;
    g_object_get(harness_->element, "latency", &latency, nullptr);
    EXPECT_EQ(latency, 17U);
    g_signal_emit_by_name(harness_->element, "clear-pt-map");
    guint64 out = 1;
    g_signal_emit_by_name(harness_->element, "set-active", FALSE, guint64{0}, &out);
    EXPECT_EQ(out, 0U);
}

TEST_F(Jitterbuffer, TakesRtcpOnAPadOfItsOwn) {
    GstPad* pad = gst_element_request_pad_simple(harness_->element, "sink_rtcp");
    ASSERT_TRUE(pad);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    EXPECT_TRUE(gst_pad_send_event(pad, gst_event_new_stream_start("rtcp")));
    EXPECT_TRUE(gst_pad_send_event(pad, gst_event_new_segment(&segment)));
    EXPECT_EQ(gst_pad_chain(pad, gst_buffer_new_allocate(nullptr, 28, nullptr)), GST_FLOW_OK);
    EXPECT_FALSE(gst_harness_try_pull(harness_));
    gst_element_release_request_pad(harness_->element, pad);
    gst_object_unref(pad);
}

/// A hundred packets less some through rtpbin; what its session says was lost.
gint lost_in_rtpbin(const char* jitterbuffer) {
    GstHarness* harness = gst_harness_new_with_padnames("rtpbin", "recv_rtp_sink_0", nullptr);
    const auto request = +[](GstElement*, guint, gpointer name) {
        return gst_element_factory_make(static_cast<const char*>(name), nullptr);
    };
    const auto pt_map = +[](GstElement*, guint, guint, gpointer) { return gst_caps_from_string(pcm_caps); };
    g_signal_connect(harness->element, "request-jitterbuffer", G_CALLBACK(request), const_cast<char*>(jitterbuffer));
    g_signal_connect(harness->element, "request-pt-map", G_CALLBACK(pt_map), nullptr);
    gst_harness_set_src_caps_str(harness, pcm_caps);

    std::uint16_t seq = 100;
    for (int i = 0; i < 100; ++i, ++seq)
        if (i < 20 || i % 10 != 0) gst_harness_push(harness, pcm_packet(seq, static_cast<std::uint32_t>(i * 64), 64));
    GObject* session = nullptr;
    GObject* source = nullptr;
    GstStructure* stats = nullptr;
    gint lost = -1;
    g_signal_emit_by_name(harness->element, "get-internal-session", 0U, &session);
    if (session) g_signal_emit_by_name(session, "get-source-by-ssrc", packet_ssrc, &source);
    if (source) g_object_get(source, "stats", &stats, nullptr);
    if (stats) gst_structure_get_int(stats, "packets-lost", &lost);
    if (stats) gst_structure_free(stats);
    g_clear_object(&source);
    g_clear_object(&session);
    gst_harness_teardown(harness);
    return lost;
}

TEST(JitterbufferInRtpbin, ReceiverReportsCountTheLossAsBefore) {
    EXPECT_GT(lost_in_rtpbin("matrizjitterbuffer"), 6);
    EXPECT_EQ(lost_in_rtpbin("matrizjitterbuffer"), lost_in_rtpbin("rtpjitterbuffer"));
}

TEST(SequenceStats, CountsThroughWrapsAndRestarts) {
    SequenceStats stats;
    for (int i = 0; i < 70000; ++i) stats.add({static_cast<std::uint16_t>(i)});
    EXPECT_EQ(stats.received(), 70000U);
    EXPECT_EQ(stats.lost(), 0U);
    stats.add({30000});  // begins anew: no loss
    stats.add({30001});
    EXPECT_EQ(stats.lost(), 0U);
    stats.add({30004});
    EXPECT_EQ(stats.lost(), 2U);
    stats.add({30003});
    EXPECT_EQ(stats.lost(), 1U);
    stats.add({30003});
    EXPECT_EQ(stats.duplicates(), 1U);
    EXPECT_EQ(stats.lost(), 1U);
}

}  // namespace
}  // namespace matriz::plugin::test

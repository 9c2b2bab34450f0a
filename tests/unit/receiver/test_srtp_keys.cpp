// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/srtp_keys.hpp"

#include <gst/check/gstharness.h>
#include <gst/rtp/gstrtpbuffer.h>
#include <gst/sdp/gstmikey.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "node/gst/init.hpp"
#include "node/gst/pipeline.hpp"

namespace matriz::receiver {
namespace {

constexpr guint32 ssrc = 0x12345678;
constexpr guint32 gone_round = 1;

GstBuffer* key_buffer() { return gst_buffer_new_memdup("0123456789abcdefghijklmnopqrst", 30); }

gst::Ref<GstCaps> key_caps() {
    GstBuffer* key = key_buffer();
    auto caps = gst::Ref<GstCaps>::adopt(
        gst_caps_new_simple("application/x-srtp", "srtp-key", GST_TYPE_BUFFER, key, "srtp-cipher", G_TYPE_STRING,
                            "aes-128-icm", "srtp-auth", G_TYPE_STRING, "hmac-sha1-80", "srtcp-cipher", G_TYPE_STRING,
                            "aes-128-icm", "srtcp-auth", G_TYPE_STRING, "hmac-sha1-80", nullptr));
    gst_buffer_unref(key);
    return caps;
}

/// As gst-rtsp-server writes it.
std::string key_management() {
    GstMIKEYMessage* message = gst_mikey_message_new_from_caps(key_caps().get());
    gst_mikey_message_add_cs_srtp(message, 0, ssrc, gone_round);
    gchar* text = gst_mikey_message_base64_encode(message);
    const std::string result = text;
    g_free(text);
    gst_mikey_message_unref(message);
    return result;
}

void take(SrtpKeys& keys, const std::string& attribute) {
    GstSDPMessage* description = nullptr;
    gst_sdp_message_new(&description);
    const std::string text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nm=audio 0 RTP/SAVP 96\r\n" + attribute;
    gst_sdp_message_parse_buffer(reinterpret_cast<const guint8*>(text.data()), static_cast<guint>(text.size()),
                                 description);
    keys.take(description);
    gst_sdp_message_free(description);
}

std::optional<guint> rollovers_in(const GstCaps* caps) {
    guint roc = 0;
    if (gst_structure_get_uint(gst_caps_get_structure(caps, 0), "roc", &roc) == FALSE) return std::nullopt;
    return roc;
}

gst::Ref<GstBuffer> packet(int seq) {
    constexpr guint payload = 64;
    auto made = gst::Ref<GstBuffer>::adopt(gst_rtp_buffer_new_allocate(payload, 0, 0));
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    gst_rtp_buffer_map(made.get(), GST_MAP_WRITE, &rtp);
    gst_rtp_buffer_set_payload_type(&rtp, 96);
    gst_rtp_buffer_set_ssrc(&rtp, ssrc);
    gst_rtp_buffer_set_seq(&rtp, static_cast<guint16>(seq));
    gst_rtp_buffer_unmap(&rtp);
    return made;
}

/// A packet of a sender whose numbers have gone round once.
gst::Ref<GstBuffer> late_packet() {
    const auto element = gst::make_element("srtpenc");
    GstBuffer* key = key_buffer();
    g_object_set(element.get(), "key", key, nullptr);
    gst_buffer_unref(key);
    GstHarness* encoder = gst_harness_new_with_element(element.get(), "rtp_sink_0", "rtp_src_0");
    gst_harness_set_src_caps_str(encoder, "application/x-rtp,ssrc=(uint)305419896");
    gst::Ref<GstBuffer> last;
    for (const int seq : {40'000, 60'000, 10}) {
        gst_harness_push(encoder, packet(seq).release());
        last = gst::Ref<GstBuffer>::adopt(gst_harness_pull(encoder));
    }
    gst_harness_teardown(encoder);
    return last;
}

/// Whether a decoder that has `keys`, and is given `caps` with the packets, decrypts it.
bool decrypts(SrtpKeys& keys, const gst::Ref<GstCaps>& caps, gst::Ref<GstBuffer> encrypted) {
    const auto element = gst::make_element("srtpdec");
    // As rtspsrc does, before anybody else sees the decoder.
    g_signal_connect(element.get(), "request-key",
                     G_CALLBACK(+[](GstElement*, guint, gpointer) { return key_caps().release(); }), nullptr);
    keys.give_to(element.get());
    GstHarness* decoder = gst_harness_new_with_element(element.get(), "rtp_sink", "rtp_src");
    gst_harness_set_src_caps(decoder, gst::Ref(caps).release());
    gst_harness_push(decoder, encrypted.release());
    const bool through = gst_harness_buffers_in_queue(decoder) == 1;
    gst_harness_teardown(decoder);
    return through;
}

class SrtpKeysTest : public testing::Test {
  protected:
    SrtpKeysTest() { gst::initialise(); }
    SrtpKeys keys_;
};

TEST_F(SrtpKeysTest, HaveTheRolloverCounterOfTheSource) {
    take(keys_, "a=key-mgmt:mikey " + key_management() + "\r\n");
    const auto caps = keys_.caps_for(ssrc);
    ASSERT_TRUE(caps);
    EXPECT_EQ(rollovers_in(caps.get()), gone_round);
    EXPECT_TRUE(gst_structure_has_field(gst_caps_get_structure(caps.get(), 0), "srtp-key"));
    const auto other = keys_.caps_for(ssrc + 1);
    ASSERT_TRUE(other);
    EXPECT_EQ(rollovers_in(other.get()), std::nullopt);
}

TEST_F(SrtpKeysTest, WhoComesLateDecrypts) {
    SrtpKeys none;
    take(keys_, "a=key-mgmt:mikey " + key_management() + "\r\n");
    const auto late = late_packet();
    // When the answer to SETUP had the SSRC, the key comes with the packets' caps.
    const auto with_ssrc = key_caps();
    gst_caps_set_simple(with_ssrc.get(), "ssrc", G_TYPE_UINT, ssrc, nullptr);
    const auto without = gst::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/x-srtp"));
    for (const auto& caps : {with_ssrc, without}) {
        EXPECT_TRUE(decrypts(keys_, caps, gst::Ref<GstBuffer>::adopt(gst_buffer_copy_deep(late.get()))));
        EXPECT_FALSE(decrypts(none, caps, gst::Ref<GstBuffer>::adopt(gst_buffer_copy_deep(late.get()))))
            << "the test can tell";
    }
}

TEST_F(SrtpKeysTest, WithoutAKeyThereIsNone) {
    for (const char* attribute : {"", "a=key-mgmt:mikey \r\n", "a=key-mgmt:mikey %%%\r\n", "a=key-mgmt:other AQAF\r\n",
                                  "a=key-mgmt:mikey AQAFgP1td3oBAADo\r\n"}) {
        take(keys_, attribute);
        EXPECT_FALSE(keys_.caps_for(ssrc)) << attribute;
    }
}

TEST_F(SrtpKeysTest, TheLastDescriptionCounts) {
    take(keys_, "a=key-mgmt:mikey " + key_management() + "\r\n");
    take(keys_, "");
    EXPECT_FALSE(keys_.caps_for(ssrc));
}

}  // namespace
}  // namespace matriz::receiver

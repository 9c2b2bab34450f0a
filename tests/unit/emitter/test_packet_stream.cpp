// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/packet_stream.hpp"

#include <gtest/gtest.h>

#include <array>

#include "node/gst/init.hpp"
#include "node/gst/mapped_buffer.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::emitter {
namespace {

using gst::Ref;

class Keeper : public PacketSink {
  public:
    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        caps_ = Ref<GstCaps>::share(caps);
        packets_.push_back(Ref<GstBuffer>::share(packet));
    }
    dsp::RtpHeader header(std::size_t index) const {
        const gst::MappedBuffer mapped(packets_.at(index).get(), GST_MAP_READ);
        return dsp::parse_rtp(mapped.bytes()).value().header;
    }
    Ref<GstCaps> caps_;
    std::vector<Ref<GstBuffer>> packets_;
};

class PacketStreamTest : public testing::Test {
  protected:
    PacketStreamTest() { gst::initialise(); }

    static Ref<GstCaps> caps(guint ssrc) {
        return Ref<GstCaps>::adopt(
            gst_caps_new_simple("application/x-rtp", "media", G_TYPE_STRING, "audio", "clock-rate", G_TYPE_INT, 48000,
                                "encoding-name", G_TYPE_STRING, "OPUS", "payload", G_TYPE_INT, 96, "ssrc", G_TYPE_UINT,
                                ssrc, "seqnum-offset", G_TYPE_UINT, 5u, "timestamp-offset", G_TYPE_UINT, 6u, nullptr));
    }
    static Ref<GstSample> sample(std::uint16_t seq, std::uint32_t time, GstCaps* caps) {
        std::array<std::uint8_t, dsp::rtp_header_size> header{};
        dsp::write_rtp_header({.marker = false, .payload_type = 96, .seq = {seq}, .time = {time}, .ssrc = 1}, header);
        // As payloaders do it: header and payload in memories of their own.
        auto buffer = Ref<GstBuffer>::adopt(gst_buffer_new_memdup(header.data(), header.size()));
        GstBuffer* whole = gst_buffer_append(buffer.release(), gst_buffer_new_memdup("sound", 5));
        GST_BUFFER_PTS(whole) = 12345;
        buffer = Ref<GstBuffer>::adopt(whole);
        return Ref<GstSample>::adopt(gst_sample_new(buffer.get(), caps, nullptr, nullptr));
    }
};

TEST_F(PacketStreamTest, EverySinkGetsEveryPacketFromWhenItCame) {
    PacketStream stream;
    auto first = std::make_shared<Keeper>();
    auto second = std::make_shared<Keeper>();
    const auto format = caps(1);
    stream.add(first);
    stream.deliver(sample(10, 0, format.get()));
    stream.add(second);
    stream.deliver(sample(11, 120, format.get()));
    stream.remove(first.get());
    stream.deliver(sample(12, 240, format.get()));
    EXPECT_EQ(first->packets_.size(), 2u);
    EXPECT_EQ(second->packets_.size(), 2u);
    EXPECT_EQ(second->header(0).seq + 1, second->header(1).seq);
    EXPECT_EQ(stream.packets(), 3u);
    EXPECT_EQ(stream.bytes(), 3u * 17);
    EXPECT_EQ(stream.sinks(), 1u);
}

TEST_F(PacketStreamTest, AnotherEncoderIsTheSameStream) {
    PacketStream stream;
    auto sink = std::make_shared<Keeper>();
    stream.add(sink);
    const auto before = caps(1), after = caps(2);
    stream.deliver(sample(10, 0, before.get()));
    GstCaps* told = sink->caps_.get();
    stream.new_epoch();
    stream.deliver(sample(60'000, 999, after.get()));
    EXPECT_EQ(sink->header(0).seq + 1, sink->header(1).seq);
    EXPECT_EQ(sink->header(0).ssrc, sink->header(1).ssrc);
    EXPECT_EQ(sink->caps_.get(), told) << "listeners see no change of format";
    guint ssrc = 0;
    const GstStructure* structure = gst_caps_get_structure(told, 0);
    EXPECT_TRUE(gst_structure_get_uint(structure, "ssrc", &ssrc));
    EXPECT_EQ(ssrc, sink->header(0).ssrc);
    EXPECT_FALSE(gst_structure_has_field(structure, "seqnum-offset"));
}

TEST_F(PacketStreamTest, PacketsLoseTheCapturesTimeAndKeepTheirPayload) {
    PacketStream stream;
    auto sink = std::make_shared<Keeper>();
    stream.add(sink);
    stream.deliver(sample(1, 2, caps(3).get()));
    ASSERT_EQ(sink->packets_.size(), 1u);
    GstBuffer* packet = sink->packets_[0].get();
    EXPECT_FALSE(GST_BUFFER_PTS_IS_VALID(packet));
    EXPECT_EQ(gst_buffer_memcmp(packet, 12, "sound", 5), 0);
}

TEST_F(PacketStreamTest, WhatIsNoRtpGoesNowhere) {
    PacketStream stream;
    auto sink = std::make_shared<Keeper>();
    stream.add(sink);
    auto buffer = Ref<GstBuffer>::adopt(gst_buffer_new_memdup("short", 5));
    stream.deliver(Ref<GstSample>::adopt(gst_sample_new(buffer.get(), caps(1).get(), nullptr, nullptr)));
    EXPECT_TRUE(sink->packets_.empty());
    EXPECT_EQ(stream.packets(), 0u);
}

}  // namespace
}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/streams.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "node/gst/init.hpp"
#include "node/webrtc/ice.hpp"

namespace matriz::webrtc {
namespace {

using dsp::CodecId;

class Streams : public ::testing::Test {
  protected:
    void SetUp() override { gst::initialise(); }

    static Sending sending(CodecId codec, int channels = 2) {
        return {.sender = {.codec = codec, .redundancy = true, .rate = {48000}, .period = {64}}, .channels = channels};
    }
    static negotiation::Ask everything() { return negotiation::ask_for_everything({48000}, {64}); }
    /// A description with these m-lines.
    static Description offer(const std::vector<std::pair<Direction, std::vector<Format>>>& lines) {
        Description description;
        for (const auto& [direction, formats] : lines) {
            Media media;
            media.mid = std::to_string(description.media.size());
            media.direction = direction;
            media.formats = formats;
            description.media.push_back(media);
        }
        Media data;
        data.data = true;
        data.mid = "data";
        description.media.push_back(data);
        return description;
    }
};

TEST_F(Streams, WhatIsSentSurvivesTheWire) {
    for (const CodecId codec :
         {CodecId::opus, CodecId::opus_custom, CodecId::pcm16, CodecId::pcm24, CodecId::float32}) {
        const auto read = parse_sending(to_query(sending(codec, 4)));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->sender.codec, codec);
        EXPECT_EQ(read->sender.rate, SampleRate{48000});
        EXPECT_EQ(read->sender.period, Frames{64});
        EXPECT_TRUE(read->sender.redundancy);
        EXPECT_EQ(read->channels, 4);
    }
    EXPECT_EQ(to_query(std::nullopt), "");
    EXPECT_FALSE(parse_sending(""));
    EXPECT_FALSE(parse_sending("codec=moon&channels=2"));
    EXPECT_FALSE(parse_sending("codec=pcm16&channels=99&rate=48000"));
    EXPECT_FALSE(parse_sending("codec=pcm16&channels=2"));
    // Some other program.
    const auto other = parse_sending(std::nullopt);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->sender.codec, CodecId::opus);
    EXPECT_FALSE(other->sender.redundancy);
}

TEST_F(Streams, EachFormatIsReadAsWhatItWas) {
    for (const CodecId codec : {CodecId::opus, CodecId::opus_custom, CodecId::pcm16, CodecId::pcm24, CodecId::float32})
        for (const int channels : {1, 2, 5})
            for (const bool red : {false, true}) {
                auto ask = everything();
                ask.red = red;
                const auto stream = stream_for(ask, sending(codec, channels));
                const Format format = format_of(stream);
                const auto read = stream_of(format);
                ASSERT_TRUE(read) << format.encoding << " " << format.fmtp;
                EXPECT_EQ(read->format.codec, codec) << format.encoding << " " << format.fmtp;
                EXPECT_EQ(read->format.channels, channels) << format.encoding << " " << format.fmtp;
                EXPECT_EQ(read->format.rate, stream.format.rate);
                EXPECT_EQ(read->red_payload_type, red ? 100 : -1);
                EXPECT_EQ(read->payload_type, 96);
            }
}

TEST_F(Streams, WhoSaysNothingGetsStandardOpus) {
    const auto stream = stream_for(std::nullopt, sending(CodecId::pcm16));
    EXPECT_EQ(format_of(stream).encoding, "OPUS");
    EXPECT_EQ(stream.red_payload_type, -1);
    EXPECT_TRUE(wants_sound(std::nullopt));
    EXPECT_TRUE(wants_sound("codecs=opus"));
    EXPECT_FALSE(wants_sound("codecs="));
}

TEST_F(Streams, TheAnswererTakesWhatFitsAndRefusesTheRest) {
    const auto ours = stream_for(everything(), sending(CodecId::pcm16));
    const Format theirs = format_of(stream_for(everything(), sending(CodecId::opus)));
    Description description = offer(
        {{Direction::sendonly, {theirs}}, {Direction::recvonly, {format_of(ours)}}, {Direction::sendonly, {theirs}}});
    const Choice choice = choose(description, ours, everything());
    EXPECT_EQ(choice.hear_line, 0);
    EXPECT_EQ(choice.hear, theirs);
    EXPECT_EQ(choice.send_line, 1);
    EXPECT_EQ(choice.send, format_of(ours));
    EXPECT_EQ(description.media[0].direction, Direction::sendonly);
    EXPECT_EQ(description.media[1].direction, Direction::recvonly);
    EXPECT_EQ(description.media[2].direction, Direction::inactive);
}

TEST_F(Streams, ABrowsersOneMLineGoesBothWays) {
    const Format opus{.payload_type = 111, .encoding = "opus", .rate = 48000, .channels = 2, .fmtp = "minptime=10"};
    const Format red{.payload_type = 63, .encoding = "red", .rate = 48000, .channels = 2, .fmtp = ""};
    const Format pcmu{.payload_type = 0, .encoding = "PCMU", .rate = 8000, .channels = 1, .fmtp = ""};
    Description description = offer({{Direction::sendrecv, {pcmu, red, opus}}});
    const Choice choice = choose(description, stream_for(std::nullopt, sending(CodecId::opus)),
                                 negotiation::Ask{.codecs = {CodecId::opus}});
    EXPECT_EQ(choice.send_line, 0);
    EXPECT_EQ(choice.hear_line, 0);
    EXPECT_EQ(choice.send, opus);
    EXPECT_EQ(choice.hear, opus);
    EXPECT_EQ(description.media[0].direction, Direction::sendrecv);
    EXPECT_EQ(description.media[0].formats, std::vector<Format>{opus});
}

TEST_F(Streams, NothingIsChosenThatWasNotWanted) {
    const auto custom = stream_for(everything(), sending(CodecId::opus_custom));
    Description description =
        offer({{Direction::sendonly, {format_of(custom)}}, {Direction::recvonly, {format_of(custom)}}});
    // Neither do we play it, nor send it.
    const Choice choice = choose(description, stream_for(std::nullopt, sending(CodecId::opus)),
                                 negotiation::Ask{.codecs = {CodecId::opus}, .red = true});
    EXPECT_EQ(choice.hear_line, -1);
    EXPECT_EQ(choice.send_line, -1);
    EXPECT_EQ(description.media[0].direction, Direction::inactive);
    EXPECT_EQ(description.media[1].direction, Direction::inactive);
    // Another period would be another sound.
    Description other = offer({{Direction::recvonly, {format_of(custom)}}});
    auto longer = custom;
    longer.format.frame = {128};
    EXPECT_EQ(choose(other, longer, everything()).send_line, -1);
}

TEST_F(Streams, CaptureCostsWhatAFrameIsLongerThanAPeriod) {
    using std::chrono::microseconds;
    const auto latency = [](CodecId configured, CodecId used, std::int64_t period, microseconds frame) {
        emitter::StreamConfig config;
        config.codec = configured;
        config.frame = frame;
        emitter::Offer offer(config, std::nullopt);
        offer.set_timing({.rate = SampleRate{48000}, .period = Frames{period}});
        return capture_latency(offer, used);
    };
    EXPECT_EQ(latency(CodecId::pcm16, CodecId::pcm16, 64, microseconds{2500}), microseconds{0});
    EXPECT_EQ(latency(CodecId::opus_custom, CodecId::opus_custom, 64, microseconds{2500}), microseconds{1333});
    EXPECT_EQ(latency(CodecId::opus, CodecId::opus, 120, microseconds{2500}), microseconds{2500});
    EXPECT_EQ(latency(CodecId::opus, CodecId::opus, 480, microseconds{20000}), microseconds{12500});
    EXPECT_EQ(latency(CodecId::opus, CodecId::opus, 960, microseconds{2500}), microseconds{-15000});
    // Who cannot play it gets Opus.
    EXPECT_EQ(latency(CodecId::pcm16, CodecId::opus, 120, microseconds{5000}), microseconds{5000});
}

/// Keeps what it gets.
class Keeper : public emitter::PacketSink {
  public:
    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        gint payload = 0;
        gst_structure_get_int(gst_caps_get_structure(caps, 0), "payload", &payload);
        guint8 second = 0;
        gst_buffer_extract(packet, 1, &second, 1);
        seen.emplace_back(payload, second);
    }
    std::vector<std::pair<int, int>> seen;
};

TEST_F(Streams, OnlyTheAgreedSoundGoesOutAndWithTheAgreedType) {
    Outgoing outgoing{.packets = std::make_shared<emitter::PacketStream>(),
                      .red = nullptr,
                      .stream = stream_for(std::nullopt, sending(CodecId::opus)),
                      .format = {}};
    outgoing.format = format_of(outgoing.stream);
    outgoing.format.payload_type = 111;
    const auto keeper = std::make_shared<Keeper>();
    const auto sink = make_outgoing_sink(keeper, outgoing);
    const auto packet = gst::Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, 20, nullptr));
    gst_buffer_memset(packet.get(), 0, 0, 20);
    const guint8 header[] = {0x80, 0x80 | 96};
    gst_buffer_fill(packet.get(), 0, header, 2);
    const auto good = caps_of(format_of(outgoing.stream), 7);
    sink->push(good.get(), packet.get());
    ASSERT_EQ(keeper->seen.size(), 1U);
    EXPECT_EQ(keeper->seen[0], std::pair(111, 0x80 | 111));
    guint8 second = 0;
    gst_buffer_extract(packet.get(), 1, &second, 1);
    EXPECT_EQ(second, 0x80 | 96);  // others have it, too
    const auto other = caps_of(format_of(stream_for(everything(), sending(CodecId::pcm16))), 7);
    sink->push(other.get(), packet.get());
    EXPECT_EQ(keeper->seen.size(), 1U);
}

TEST(Ice, TurnUrisSurviveOddCredentials) {
    EXPECT_EQ(turn_uri({.turn = true, .host = "turn.example.org", .port = 3478}, "1700000000:São", "a/b+c=@:"),
              "turn://1700000000%3AS%C3%A3o:a%2Fb%2Bc%3D%40%3A@turn.example.org:3478?transport=udp");
    EXPECT_EQ(turn_uri({.turn = true, .host = "2001:db8::1", .port = 443, .tcp = true}, "u", "p"),
              "turn://u:p@[2001:db8::1]:443?transport=tcp");
}

TEST(Ice, KnowsLocalAddresses) {
    for (const char* local : {"10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1", "169.254.1.1", "127.0.0.1",
                              "::1", "fe80::1", "fe80::1%eth0", "fd00::2"})
        EXPECT_TRUE(is_local_address(local)) << local;
    for (const char* other : {"172.32.0.1", "192.0.2.1", "8.8.8.8", "100.64.0.1", "2001:db8::1", "", "name.local"})
        EXPECT_FALSE(is_local_address(other)) << other;
}

}  // namespace
}  // namespace matriz::webrtc

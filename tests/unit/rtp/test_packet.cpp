// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::dsp {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes header(const RtpHeader& header) {
    Bytes bytes(rtp_header_size);
    write_rtp_header(header, std::span<std::uint8_t, rtp_header_size>(bytes));
    return bytes;
}

Bytes to_bytes(std::span<const std::uint8_t> span) { return {span.begin(), span.end()}; }

TEST(RtpPacket, WritesTheBytesOfTheRfc) {
    EXPECT_EQ(header({.marker = true, .payload_type = 96, .seq = {0x1234}, .time = {0x56789ABC}, .ssrc = 0xDEF01234}),
              (Bytes{0x80, 0xE0, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0, 0x12, 0x34}));
}

TEST(RtpPacket, ReadsWhatItWrites) {
    const RtpHeader sent{.marker = false, .payload_type = 127, .seq = {65535}, .time = {0xFFFFFFFF}, .ssrc = 1};
    Bytes bytes = header(sent);
    bytes.insert(bytes.end(), {1, 2, 3});
    const auto packet = parse_rtp(bytes);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->header, sent);
    EXPECT_EQ(to_bytes(packet->payload), (Bytes{1, 2, 3}));
    EXPECT_TRUE(packet->csrcs.empty());
    EXPECT_FALSE(packet->extension);
}

TEST(RtpPacket, SkipsSourcesExtensionAndPadding) {
    Bytes bytes = header({.payload_type = 97});
    bytes[0] |= 0x20 | 0x10 | 2;
    const Bytes rest{0,    0,    0, 7, 0, 0, 0, 8,  // two contributing sources
                     0xBE, 0xDE, 0, 1, 9, 9, 9, 9,  // an extension of one word
                     42,   43,   0, 0, 3};          // payload, three bytes of padding
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    const auto packet = parse_rtp(bytes);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->csrcs.size(), 8U);
    ASSERT_TRUE(packet->extension);
    EXPECT_EQ(packet->extension->profile, 0xBEDE);
    EXPECT_EQ(packet->extension->data.size(), 4U);
    EXPECT_EQ(to_bytes(packet->payload), (Bytes{42, 43}));

    for (std::size_t size = 0; size < bytes.size() - rest.size() + 16; ++size)
        EXPECT_FALSE(parse_rtp(std::span(bytes).first(size))) << size;  // cut inside what the header promises
}

TEST(RtpPacket, RefusesImpossiblePadding) {
    Bytes bytes = header({});
    bytes[0] |= 0x20;
    EXPECT_FALSE(parse_rtp(bytes));  // nothing there that could count it
    bytes.push_back(0);
    EXPECT_FALSE(parse_rtp(bytes));
    bytes.back() = 2;
    EXPECT_FALSE(parse_rtp(bytes));
    bytes.back() = 1;
    const auto packet = parse_rtp(bytes);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(packet->payload.empty());
}

TEST(RtpPacket, RefusesOtherVersions) {
    Bytes bytes = header({});
    for (const std::uint8_t version : {0, 1, 3}) {
        bytes[0] = static_cast<std::uint8_t>(version << 6);
        EXPECT_FALSE(parse_rtp(bytes)) << int{version};
    }
}

TEST(Units, DistanceGoesThroughTheWrap) {
    EXPECT_EQ(distance(SeqNo{2}, SeqNo{65534}), 4);
    EXPECT_EQ(distance(SeqNo{65534}, SeqNo{2}), -4);
    EXPECT_EQ(distance(RtpTime{100}, RtpTime{0xFFFFFF9C}), 200);
}

}  // namespace
}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <vector>

#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/red.hpp"

namespace matriz::dsp {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint8_t opus_type = 96;

/// The n-th packet of a stream, 120 ticks apart, each of its own content and size.
Bytes payload(int n, std::size_t size = 5) { return Bytes(size, static_cast<std::uint8_t>(n)); }
RtpTime time(int n) { return {static_cast<std::uint32_t>(n) * 120U - 360U}; }  // wraps after three packets

struct Packed {
    Bytes bytes;
    RedBlocks blocks;
    std::vector<int> numbers() const {
        std::vector<int> result;
        for (const RedBlock& block : blocks) result.push_back(block.payload.empty() ? -1 : block.payload.front());
        return result;
    }
};

Packed pack(RedPacker& packer, int n, Redundancy redundancy, std::size_t size = 5,
            std::size_t room = max_rtp_payload_size) {
    Packed packed;
    packed.bytes.resize(room);
    packed.bytes.resize(packer.pack(opus_type, time(n), payload(n, size), redundancy, packed.bytes));
    const auto blocks = parse_red(time(n), packed.bytes);
    EXPECT_TRUE(blocks);
    if (blocks) packed.blocks = *blocks;
    return packed;
}

TEST(Red, WritesTheBytesOfTheRfc) {
    RedPacker packer;
    Bytes out(100);
    packer.pack(opus_type, {1000}, Bytes{1, 2}, {}, out);
    out.resize(packer.pack(opus_type, {1120}, Bytes{3}, {.depth = 1}, out));
    // 1, 7 bits of type, 14 bits of offset 120, 10 bits of length 2; 0 and the primary's type
    EXPECT_EQ(out, (Bytes{0x80 | 96, 0x01, 0xE0, 0x02, 96, 1, 2, 3}));
}

TEST(Red, WithoutRedundancyAddsOneByte) {
    RedPacker packer;
    for (int n = 0; n < 5; ++n) EXPECT_EQ(pack(packer, n, {}).bytes.size(), 6U);
}

TEST(Red, CarriesThePastOldestFirst) {
    RedPacker packer;
    const Redundancy four{.depth = 4};
    EXPECT_EQ(pack(packer, 1, four).numbers(), (std::vector{1}));
    EXPECT_EQ(pack(packer, 2, four).numbers(), (std::vector{1, 2}));
    for (int n = 3; n < 5; ++n) pack(packer, n, four);
    const Packed packed = pack(packer, 5, four);
    EXPECT_EQ(packed.numbers(), (std::vector{1, 2, 3, 4, 5}));
    int n = 1;
    for (const RedBlock& block : packed.blocks) {
        EXPECT_EQ(block.time, time(n++));
        EXPECT_EQ(block.payload_type, opus_type);
        EXPECT_EQ(block.payload.size(), 5U);
    }
    EXPECT_EQ(packed.blocks.primary().payload.front(), 5);
    EXPECT_EQ(packed.blocks.redundant().size(), 4U);
}

TEST(Red, AtADistance) {
    RedPacker packer;
    for (int n = 1; n < 20; ++n) pack(packer, n, {});
    EXPECT_EQ(pack(packer, 20, {.depth = 2, .distance = 3}).numbers(), (std::vector{14, 17, 20}));
    EXPECT_EQ(pack(packer, 21, {.depth = 4, .distance = 4}).numbers(), (std::vector{5, 9, 13, 17, 21}));
    EXPECT_EQ(pack(packer, 22, {.depth = 99, .distance = 99}).numbers(), (std::vector{6, 10, 14, 18, 22}));
}

TEST(Red, LeavesOutTheMostDistantWhenItDoesNotFit) {
    RedPacker packer;
    for (int n = 1; n < 5; ++n) pack(packer, n, {}, 400);
    const Packed packed = pack(packer, 5, {.depth = 4}, 400);
    EXPECT_EQ(packed.numbers(), (std::vector{4, 5}));
    EXPECT_LE(packed.bytes.size() + rtp_header_size, max_rtp_size);
}

TEST(Red, NoRoomEvenForThePrimary) {
    RedPacker packer;
    Bytes out(5);
    EXPECT_EQ(packer.pack(opus_type, {0}, payload(1), {}, out), 0U);
}

TEST(Red, LeavesOutWhatTheHeaderCannotSay) {
    RedPacker packer;
    Bytes out(max_rtp_payload_size);
    packer.pack(opus_type, {0}, Bytes(1024, 1), {}, out);  // 10 bits of length end at 1023
    EXPECT_EQ(packer.pack(opus_type, {120}, payload(2), {.depth = 1}, out), 6U);
    EXPECT_EQ(packer.pack(opus_type, {120 + 0x4000}, payload(3), {.depth = 1}, out), 6U);  // 14 bits of time
    packer.reset();
    EXPECT_EQ(packer.pack(opus_type, {120 + 0x4000 + 120}, payload(3), {.depth = 4}, out), 6U);
}

TEST(RedWrapper, ChangesNothingButTypeAndPayload) {
    RedWrapper wrapper(100);
    Bytes packet{0x80 | 0x20 | 0x10 | 1,
                 0x80 | 96,
                 0,
                 7,
                 0,
                 0,
                 1,
                 0,
                 9,
                 9,
                 9,
                 9,  // padding, extension, one source
                 1,
                 2,
                 3,
                 4,
                 0xBE,
                 0xDE,
                 0,
                 1,
                 5,
                 6,
                 7,
                 8,
                 42,
                 43,
                 0,
                 0,
                 3};
    Bytes out(100);
    ASSERT_EQ(wrapper.wrap(packet, {.depth = 1}, out), 24U + 1 + 2);
    packet[3] = 8;
    packet[7] = 120;
    packet[1] = 96;
    out.resize(wrapper.wrap(packet, {.depth = 1}, out));
    const auto red = parse_rtp(out);
    ASSERT_TRUE(red);
    EXPECT_EQ(red->header, (RtpHeader{.payload_type = 100, .seq = {8}, .time = {0x178}, .ssrc = 0x09090909}));
    EXPECT_EQ(red->csrcs.size(), 4U);
    ASSERT_TRUE(red->extension);
    const auto blocks = parse_red(red->header.time, red->payload);
    ASSERT_TRUE(blocks);
    ASSERT_EQ(blocks->size(), 2U);
    EXPECT_EQ(blocks->begin()->time, RtpTime{0x100});
    for (const RedBlock& block : *blocks) {
        EXPECT_EQ(block.payload_type, 96);
        EXPECT_EQ(Bytes(block.payload.begin(), block.payload.end()), (Bytes{42, 43}));
    }
}

TEST(RedWrapper, RefusesWhatIsNoRtpOrDoesNotFit) {
    RedWrapper wrapper(100);
    Bytes out(16);
    EXPECT_EQ(wrapper.wrap(Bytes(11, 0x80), {}, out), 0U);
    EXPECT_EQ(wrapper.wrap(Bytes(16, 0x80), {}, out), 0U);
    Bytes packet(15, 0);
    packet[0] = 0x80;
    EXPECT_EQ(wrapper.wrap(packet, {}, out), 16U);
}

TEST(RedWrapper, CarriesWhatWasSentPlain) {
    RedWrapper wrapper(100);
    Bytes packet(14, 0);
    packet[0] = 0x80;
    wrapper.pass(packet);
    packet[7] = 120;
    Bytes out(100);
    EXPECT_EQ(wrapper.wrap(packet, {.depth = 1}, out), 12U + 4 + 1 + 2 + 2);
}

TEST(Red, RefusesEveryTruncation) {
    RedPacker packer;
    for (int n = 1; n < 4; ++n) pack(packer, n, {});
    const Bytes whole = pack(packer, 4, {.depth = 3}).bytes;
    const std::size_t least = whole.size() - 5;  // the primary's length is what is left: any is well-formed
    for (std::size_t size = 0; size < least; ++size) EXPECT_FALSE(parse_red({0}, std::span(whole).first(size))) << size;
    EXPECT_TRUE(parse_red({0}, std::span(whole).first(least)));
}

TEST(Red, RefusesTooManyBlocks) {
    Bytes bytes;
    for (std::size_t i = 0; i < RedBlocks::capacity - 1; ++i) bytes.insert(bytes.end(), {0x80, 0, 0, 0});
    bytes.push_back(0);
    EXPECT_TRUE(parse_red({0}, bytes));
    bytes.insert(bytes.begin(), {0x80, 0, 0, 0});
    EXPECT_FALSE(parse_red({0}, bytes));
}

}  // namespace
}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <string>

#include "common/config/document.hpp"
#include "configserver/http/frame.hpp"

namespace matriz::http {
namespace {

using Kind = FrameDecoder::Kind;

std::string masked(std::uint8_t first, std::string_view payload) {
    const char mask[4] = {1, 2, 3, 4};
    std::string frame{static_cast<char>(first), static_cast<char>(0x80 | payload.size())};
    frame.append(mask, 4);
    for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
    return frame;
}

TEST(FrameDecoder, TakesAMessageOfTheLargestSizeAndNoMore) {
    for (const std::size_t size : {100U, 101U}) {
        FrameDecoder decoder(100);
        const std::string frame = masked(0x81, std::string(size, 'x'));
        std::string_view data = frame;
        EXPECT_EQ(decoder.next(data).kind, size == 100 ? Kind::text : Kind::error);
    }
}

TEST(FrameDecoder, CountsFragmentsTogether) {
    FrameDecoder decoder(100);
    const std::string frames = masked(0x01, std::string(60, 'x')) + masked(0x80, std::string(60, 'x'));
    std::string_view data = frames;
    const auto event = decoder.next(data);
    EXPECT_EQ(event.kind, Kind::error);
    EXPECT_EQ(event.code, close_code::too_big);
}

TEST(FrameDecoder, EmptyFragmentsAreAMessage) {
    FrameDecoder decoder(100);
    const std::string frames = masked(0x01, "") + masked(0x00, "") + masked(0x80, "");
    std::string_view data = frames;
    const auto event = decoder.next(data);
    EXPECT_EQ(event.kind, Kind::text);
    EXPECT_EQ(event.data, "");
    EXPECT_TRUE(data.empty());
}

TEST(FrameDecoder, AMessageHasSoManyFragmentsAtMost) {
    const std::string empty = masked(0x00, "");
    for (const int between : {4094, 4095}) {
        FrameDecoder decoder(100);
        std::string frames;
        for (int message = 0; message < 2; ++message) {  // each has its own count
            frames += masked(0x01, "");
            for (int i = 0; i < between; ++i) frames += empty;
            frames += masked(0x80, "");
        }
        std::string_view data = frames;
        const auto event = decoder.next(data);
        EXPECT_EQ(event.kind, between == 4094 ? Kind::text : Kind::error);
        EXPECT_EQ(event.code, between == 4094 ? 0 : close_code::policy);
        EXPECT_EQ(decoder.next(data).kind, between == 4094 ? Kind::text : Kind::need_more);
    }
}

TEST(FrameDecoder, TakesNothingAfterAnErrorOrAClose) {
    for (const std::string& last : {masked(0x88, ""), masked(0x82, "x")}) {
        FrameDecoder decoder(100);
        const std::string frames = last + masked(0x81, "more");
        std::string_view data = frames;
        EXPECT_NE(decoder.next(data).kind, Kind::text);
        EXPECT_EQ(decoder.next(data).kind, Kind::need_more);
        EXPECT_TRUE(data.empty());
    }
}

TEST(FrameDecoder, HoldsNothingBetweenMessages) {
    FrameDecoder decoder(10'000);
    const std::string frame = masked(0x81, std::string(120, 'x'));
    for (int i = 0; i < 3; ++i) {
        std::string_view data = frame;
        EXPECT_EQ(decoder.next(data).kind, Kind::text);
    }
    EXPECT_LE(decoder.held(), 64U);
}

TEST(Frames, LengthsAreInTheShortestForm) {
    EXPECT_EQ((*text_frame(std::string(125, 'x')))[1], 125);
    EXPECT_EQ((*text_frame(std::string(126, 'x')))[1], 126);
    EXPECT_EQ((*text_frame(std::string(65535, 'x')))[1], 126);
    EXPECT_EQ((*text_frame(std::string(65536, 'x')))[1], 127);
    EXPECT_EQ(text_frame(std::string(65536, 'x'))->size(), 65536U + 10);
}

TEST(Frames, ACloseReasonIsCutAtACharacter) {
    std::string reason;
    for (int i = 0; i < 100; ++i) reason += "é";
    const Frame frame = close_frame(close_code::policy, reason);
    EXPECT_LE(frame->size(), 127U);
    EXPECT_TRUE(config::is_utf8(std::string_view(*frame).substr(4)));
    EXPECT_EQ((*frame)[2], 1008 >> 8);
    EXPECT_EQ(static_cast<unsigned char>((*frame)[3]), 1008 & 0xff);
}

}  // namespace
}  // namespace matriz::http

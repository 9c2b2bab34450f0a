// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/codec.hpp"

namespace matriz::dsp {
namespace {

TEST(CodecNames, RoundTrip) {
    for (const char* text : {"opus", "opus-custom", "pcm16", "pcm24", "float32"}) {
        const auto codec = codec_from_name(text);
        ASSERT_TRUE(codec) << text;
        EXPECT_EQ(name(*codec), text);
    }
}

TEST(CodecNames, UnknownIsNothing) {
    EXPECT_FALSE(codec_from_name("mp3"));
    EXPECT_FALSE(codec_from_name(""));
    EXPECT_FALSE(codec_from_name("OPUS"));
}

TEST(MakeDecoder, ChannelsOutOfRangeThrow) {
    for (const int channels : {-1, 0, 9, 1000000})
        EXPECT_THROW(make_decoder({.codec = CodecId::opus, .channels = channels}), Error) << channels;
}

}  // namespace
}  // namespace matriz::dsp

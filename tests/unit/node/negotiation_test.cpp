// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "node/negotiation/variant.hpp"

namespace matriz::negotiation {
namespace {

using enum dsp::CodecId;

const Ask everything = ask_for_everything(SampleRate{48000}, Frames{64});
Sender sender(dsp::CodecId codec) { return {.codec = codec, .rate = SampleRate{48000}, .period = Frames{64}}; }

TEST(Ask, SurvivesItsOwnQuery) {
    EXPECT_EQ(to_query(everything), "codecs=opus-custom,pcm16,pcm24,float32,opus&rate=48000&period=64&red=1");
    EXPECT_EQ(parse_query(to_query(everything)), everything);
    EXPECT_EQ(parse_query(to_query({.codecs = {opus}})), (Ask{.codecs = {opus}}));
}

TEST(Ask, IsFoundInTheUrlOfASetup) { EXPECT_EQ(parse_query(to_query(everything) + "/stream=0"), everything); }

TEST(Ask, OthersQueriesAreNone) {
    EXPECT_EQ(parse_query(""), std::nullopt);
    EXPECT_EQ(parse_query("token=123&user=a"), std::nullopt);
    EXPECT_EQ(parse_query("=&&==&codec=opus"), std::nullopt);
}

TEST(Ask, PassesOverWhatItDoesNotKnow) {
    EXPECT_EQ(parse_query("codecs=lyra,pcm16,,pcm16&rate=x&period=-1&red=2&colour=blue"), (Ask{.codecs = {pcm16}}));
    EXPECT_EQ(parse_query("codecs=opus&rate=99999999999999999999&period=100000"), (Ask{.codecs = {opus}}));
}

TEST(Choose, AnyRtspPlayerGetsStandardOpus) {
    EXPECT_EQ(choose(std::nullopt, sender(pcm24)), (Variant{.codec = opus, .red = false, .reason = ""}));
}

TEST(Choose, TheConfiguredCodecWhenTheListenerKnowsIt) {
    for (const auto codec : {opus, opus_custom, pcm16, pcm24, float32})
        EXPECT_EQ(choose(everything, sender(codec)), (Variant{.codec = codec, .red = true, .reason = ""}));
}

TEST(Choose, StandardOpusAndAReasonWhenItDoesNot) {
    const Variant variant = choose(Ask{.codecs = {opus}}, sender(float32));
    EXPECT_EQ(variant.key(), "opus");
    EXPECT_EQ(variant.reason, "the listener does not know float32");
}

TEST(Choose, OpusCustomNeedsEqualClocks) {
    Ask other = everything;
    other.period = Frames{128};
    const Variant variant = choose(other, sender(opus_custom));
    EXPECT_EQ(variant.key(), "opus+red");
    EXPECT_EQ(variant.reason,
              "opus-custom needs the same JACK rate and period on both sides: here 48000 Hz and 64 frames, there 48000 "
              "Hz and 128");
}

TEST(Choose, OpusCustomNeedsAPeriodThatItCanCarry) {
    const Ask odd = ask_for_everything(SampleRate{48000}, Frames{17});
    const Variant variant = choose(odd, {.codec = opus_custom, .rate = SampleRate{48000}, .period = Frames{17}});
    EXPECT_EQ(variant.codec, opus);
    EXPECT_EQ(variant.reason, "opus-custom cannot carry 17 frames at 48000 Hz");
}

TEST(Choose, NoRedWhenEitherSideDoesWithout) {
    Ask plain = everything;
    plain.red = false;
    EXPECT_EQ(choose(plain, sender(pcm16)).key(), "pcm16");
    Sender off = sender(pcm16);
    off.redundancy = false;
    EXPECT_EQ(choose(everything, off).key(), "pcm16");
}

}  // namespace
}  // namespace matriz::negotiation

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/rtp_continuity.hpp"

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::emitter {
namespace {

using std::chrono::milliseconds;
using Clock = RtpContinuity::Clock;

constexpr std::uint32_t ours = 0xcafe0123;
constexpr std::uint32_t rate = 48000;

std::vector<std::uint8_t> packet(std::uint16_t seq, std::uint32_t time, std::uint32_t ssrc = 7) {
    std::vector<std::uint8_t> bytes(dsp::rtp_header_size + 4);
    dsp::write_rtp_header({.marker = true, .payload_type = 96, .seq = {seq}, .time = {time}, .ssrc = ssrc},
                          std::span<std::uint8_t, dsp::rtp_header_size>(bytes.data(), dsp::rtp_header_size));
    for (std::uint8_t i = 0; i < 4; ++i) bytes[dsp::rtp_header_size + i] = static_cast<std::uint8_t>(i + 1);
    return bytes;
}

dsp::RtpHeader rewritten(RtpContinuity& continuity, std::vector<std::uint8_t> bytes, Clock::time_point now) {
    EXPECT_TRUE(continuity.rewrite(bytes, rate, now));
    const auto parsed = dsp::parse_rtp(bytes);
    EXPECT_TRUE(parsed);
    EXPECT_EQ(parsed->header.payload_type, 96);
    EXPECT_TRUE(parsed->header.marker);
    EXPECT_EQ(std::vector<std::uint8_t>(parsed->payload.begin(), parsed->payload.end()),
              (std::vector<std::uint8_t>{1, 2, 3, 4}));
    return parsed->header;
}

TEST(RtpContinuity, KeepsTheStepsOfOneEncoder) {
    RtpContinuity continuity(ours, SeqNo{65534}, RtpTime{0xffffff00});
    const Clock::time_point now{milliseconds{1}};
    for (std::uint16_t i = 0; i < 5; ++i) {
        const auto header = rewritten(continuity, packet(static_cast<std::uint16_t>(100 + i), 5000u + 120u * i), now);
        EXPECT_EQ(header.ssrc, ours);
        EXPECT_EQ(header.seq.value, static_cast<std::uint16_t>(65534 + i)) << "through the wrap";
        EXPECT_EQ(header.time.value, 0xffffff00u + 120u * i);
    }
}

TEST(RtpContinuity, KeepsTheGapsOfTheEncoder) {
    RtpContinuity continuity(ours, SeqNo{0}, RtpTime{0});
    const Clock::time_point now{milliseconds{1}};
    rewritten(continuity, packet(10, 0), now);
    const auto header = rewritten(continuity, packet(13, 360), now);
    EXPECT_EQ(header.seq.value, 3);
    EXPECT_EQ(header.time.value, 360u);
}

TEST(RtpContinuity, TheNextEncoderGoesOnWhereTimeIs) {
    RtpContinuity continuity(ours, SeqNo{500}, RtpTime{1000});
    const Clock::time_point start{milliseconds{5000}};
    rewritten(continuity, packet(9, 77), start);
    continuity.new_epoch();
    const auto header = rewritten(continuity, packet(40000, 123456, 99), start + milliseconds{250});
    EXPECT_EQ(header.ssrc, ours);
    EXPECT_EQ(header.seq.value, 501) << "no gap that would count as loss";
    EXPECT_EQ(header.time.value, 1000u + rate / 4) << "but the time that passed";
    const auto next = rewritten(continuity, packet(40001, 123576, 99), start + milliseconds{252});
    EXPECT_EQ(next.seq.value, 502);
    EXPECT_EQ(next.time.value, header.time.value + 120);
}

TEST(RtpContinuity, LeavesAloneWhatIsNoRtp) {
    RtpContinuity continuity(ours, SeqNo{0}, RtpTime{0});
    std::vector<std::uint8_t> shorter(11, 0x80), version1(20, 0x40);
    const auto before = version1;
    EXPECT_FALSE(continuity.rewrite(shorter, rate, {}));
    EXPECT_FALSE(continuity.rewrite(version1, rate, {}));
    EXPECT_EQ(version1, before);
    EXPECT_EQ(continuity.next_seq().value, 0);
}

}  // namespace
}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
// render() is called where nothing may block: here it ends the program when it allocates, locks or enters the kernel.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <random>

#include "plugins/dsp/playout/playout.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/packetizer.hpp"
#include "tests/unit/dsp/audio_thread.hpp"

namespace matriz::dsp::test {
namespace {

TEST(AudioThreadDeathTest, NoticesAllocations) {
    EXPECT_DEATH(
        {
            const AudioThread here;
            std::vector<float> samples(100);
            asm volatile("" : : "r"(samples.data()) : "memory");
        },
        "");
}

TEST(AudioThreadDeathTest, NoticesLocks) {
    std::mutex mutex;
    EXPECT_DEATH(
        {
            const AudioThread here;
            mutex.lock();
        },
        "");
}

TEST(AudioThreadDeathTest, NoticesSystemCalls) {
    if (!AudioThread::sees_system_calls()) GTEST_SKIP() << "this kernel cannot hand system calls to the program";
    EXPECT_DEATH(
        {
            const AudioThread here;
            (void)getppid();
        },
        "");
}

struct Case {
    StreamFormat format;
    unsigned card_rate;
    int period;
};

class RtSafety : public testing::TestWithParam<Case> {};

/// A bad network, a sender that restarts, garbage, a card that stumbles: all that render() has a branch for.
TEST_P(RtSafety, RenderNeverBlocks) {
    const auto& [format, card_rate, period] = GetParam();
    constexpr std::uint8_t red_type = 96;
    constexpr std::uint8_t audio_type = 97;
    Packetizer packetizer(make_encoder({.format = format}), format.channels, audio_type);
    PlayoutConfig config{.output_rate = {card_rate}, .output_channels = 2};
    config.red_payload_type = red_type;
    config.payload_type = audio_type;
    Playout playout(format, config);

    std::mt19937 random(3);  // NOLINT: repeatable
    std::multimap<double, std::vector<std::uint8_t>> air;
    std::vector<float> in(static_cast<std::size_t>(64 * format.channels));
    std::array<std::vector<float>, 2> out{std::vector<float>(static_cast<std::size_t>(period)),
                                          std::vector<float>(static_cast<std::size_t>(period))};
    std::array<float*, 2> outs{out[0].data(), out[1].data()};
    RtpHeader header{false, red_type, {65500}, {4294960000U}, 7};
    double card = 0.5;
    double angle = 0;
    for (int block = 0; block < 12000; ++block) {
        const double now = 1 + block * 64.0 / format.rate.hz;
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(0.5 * std::sin(angle += 0.03));
        if (block % 5000 == 4999) header.ssrc += 1;
        const bool pause = block % 4000 > 3700;
        packetizer.push(in, {2, 1}, [&](const Payload& payload) {
            std::vector<std::uint8_t> packet(rtp_header_size);
            header.time = {static_cast<std::uint32_t>(payload.position)};
            write_rtp_header(header, std::span<std::uint8_t, rtp_header_size>(packet.data(), rtp_header_size));
            header.seq = header.seq + 1;
            packet.insert(packet.end(), payload.bytes.begin(), payload.bytes.end());
            const auto chance = random() % 100;
            if (chance < 5) packet[random() % packet.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
            if (chance == 6) packet.resize(random() % packet.size());
            const double jitter = std::exponential_distribution<double>(1 / (block > 6000 ? 0.006 : 0.001))(random);
            if ((chance > 10 || chance < 7) && !pause) air.emplace(now + jitter, packet);
            if (chance == 99) air.emplace(now + 2 * jitter, std::move(packet));
            return true;
        });
        for (; card < now; card += static_cast<double>(period) / card_rate) {
            for (; !air.empty() && air.begin()->first <= card; air.erase(air.begin()))
                playout.push(air.begin()->second,
                             std::chrono::nanoseconds(static_cast<std::int64_t>(air.begin()->first * 1e9)));
            const std::chrono::nanoseconds when(static_cast<std::int64_t>(card * 1e9));
            const AudioThread here;
            playout.render(outs.data(), period, when);
        }
        if (block == 9000) card += 0.3;
    }
    const auto m = playout.metrics();
    EXPECT_GT(m.received, 500U);
    EXPECT_GT(m.concealed, 0U);
    EXPECT_GT(m.recovered, 0U);
    EXPECT_GT(m.malformed, 0U);
    EXPECT_GT(m.restarts, 0U);
    EXPECT_GT(m.jumps, 0U);
}

INSTANTIATE_TEST_SUITE_P(Codecs, RtSafety,
                         testing::Values(Case{{CodecId::opus, {48000}, 2, {120}, {}}, 48000, 64},
                                         Case{{CodecId::opus, {48000}, 1, {960}, {}}, 44100, 1024},
                                         Case{{CodecId::opus_custom, {48000}, 2, {64}, {}}, 48000, 64},
                                         Case{{CodecId::pcm16, {48000}, 2, {64}, {}}, 48000, 64},
                                         Case{{CodecId::pcm16, {48000}, 2, {128}, {}}, 96000, 16},
                                         Case{{CodecId::pcm24, {44100}, 2, {64}, {}}, 48000, 128},
                                         Case{{CodecId::float32, {96000}, 2, {64}, {}}, 96000, 64}),
                         [](const auto& case_info) {
                             std::string text(name(case_info.param.format.codec));
                             for (char& c : text)
                                 if (c == '-') c = '_';
                             return text + "_" + std::to_string(case_info.param.format.rate.hz) + "_to_" +
                                    std::to_string(case_info.param.card_rate) + "_" +
                                    std::to_string(case_info.param.period);
                         });

}  // namespace
}  // namespace matriz::dsp::test

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "plugins/dsp/codec/pcm.hpp"
#include "plugins/dsp/rtp/packetizer.hpp"

namespace matriz::dsp {
namespace {

constexpr int channels = 2;

Packetizer make(int frame, std::optional<std::uint8_t> red = {}) {
    return {make_encoder({.format = {.codec = CodecId::float32, .channels = channels, .frame = {frame}}}), channels,
            red};
}

struct Sent {
    std::vector<std::int64_t> positions;
    std::vector<float> samples;
    std::vector<bool> after_gap;
    std::vector<std::size_t> sizes;

    auto collect() {
        return [this](const Payload& payload) {
            positions.push_back(payload.position);
            after_gap.push_back(payload.after_gap);
            sizes.push_back(payload.bytes.size());
            for (std::size_t at = 0; at + 4 <= payload.bytes.size(); at += 4)
                samples.push_back(Float32::read(&payload.bytes[at]));
            return true;
        };
    }
};

std::vector<float> ramp(int frames, float from = 0) {
    std::vector<float> samples(static_cast<std::size_t>(frames * channels));
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = (from + static_cast<float>(i)) / 4096;
    return samples;
}

TEST(Packetizer, CutsFramesOutOfBuffersOfAnySize) {
    const auto signal = ramp(64 * 20);
    for (const std::size_t size : {1U, 7U, 63U, 64U, 65U, 128U, 200U, 1280U}) {
        Packetizer packetizer = make(64);
        Sent sent;
        for (std::size_t at = 0; at < signal.size(); at += size * channels)
            EXPECT_TRUE(packetizer.push(std::span(signal).subspan(at, std::min(size * channels, signal.size() - at)),
                                        {}, sent.collect()));
        EXPECT_EQ(sent.samples, signal) << size;
        ASSERT_EQ(sent.positions.size(), 20U) << size;
        for (std::size_t i = 0; i < 20; ++i) {
            EXPECT_EQ(sent.positions[i], static_cast<std::int64_t>(64 * i));
            EXPECT_EQ(sent.after_gap[i], i == 0);
        }
        EXPECT_EQ(packetizer.pending(), 0);
    }
}

TEST(Packetizer, TimeGoesOnOverAGap) {
    Packetizer packetizer = make(64);
    Sent sent;
    packetizer.push(ramp(100), {}, sent.collect());
    EXPECT_EQ(packetizer.pending(), 36);
    packetizer.skip(1000);  // and the 36 that wait for others are lost
    packetizer.push(ramp(128), {}, sent.collect());
    EXPECT_EQ(sent.positions, (std::vector<std::int64_t>{0, 1100, 1164}));
    EXPECT_EQ(sent.after_gap, (std::vector{true, true, false}));
}

TEST(Packetizer, WrapsInRed) {
    Packetizer packetizer = make(16, 97);
    std::vector<std::vector<int>> blocks;
    const auto each = [&](const Payload& payload) {
        const auto parsed = parse_red({static_cast<std::uint32_t>(payload.position)}, payload.bytes);
        EXPECT_TRUE(parsed);
        if (!parsed) return false;
        blocks.emplace_back();
        for (const RedBlock& block : *parsed) {
            EXPECT_EQ(block.payload_type, 97);
            EXPECT_EQ(block.payload.size(), 16U * channels * 4);
            blocks.back().push_back(static_cast<int>(block.time.value) / 16);
        }
        return true;
    };
    packetizer.push(ramp(48), {}, each);
    packetizer.push(ramp(16), {.depth = 2}, each);
    packetizer.push(ramp(16), {.depth = 1, .distance = 3}, each);
    EXPECT_EQ(blocks, (std::vector<std::vector<int>>{{0}, {1}, {2}, {1, 2, 3}, {1, 4}}));
}

TEST(Packetizer, StopsWhenToldTo) {
    Packetizer packetizer = make(64);
    int calls = 0;
    EXPECT_FALSE(packetizer.push(ramp(640), {}, [&](const Payload&) { return ++calls < 3; }));
    EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace matriz::dsp

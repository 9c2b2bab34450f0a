// SPDX-License-Identifier: GPL-3.0-or-later
// A whole session as a stranger could make it: packets of any content at any time, between periods of output. The input
// is a list of steps: a byte that chooses the codec, then for each step a length byte (0: let a period pass; 255: a
// long pause) and as many bytes of packet, whose header is completed so that most reach the audio thread.
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "plugins/dsp/playout/playout.hpp"

namespace {

using namespace matriz;
using namespace matriz::dsp;

constexpr int period = 64;

void check(bool holds) {
    if (!holds) std::abort();
}

std::unique_ptr<Playout> playout_for(std::uint8_t choice) {
    static constexpr std::array codecs{CodecId::opus, CodecId::pcm16, CodecId::pcm24, CodecId::float32,
                                       CodecId::opus_custom};
    PlayoutConfig config;
    config.output_rate = {choice & 0x80 ? 44100U : 48000U};
    config.packet_capacity = 32;
    config.red_payload_type = choice & 0x40 ? 96 : -1;
    return std::make_unique<Playout>(
        StreamFormat{.codec = codecs[choice % codecs.size()], .channels = 1 + choice / 8 % 2, .frame = {64}}, config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto playout = playout_for(data[0]);
    std::array<std::array<float, period>, 2> out{};
    const std::array<float*, 2> outs{out[0].data(), out[1].data()};
    std::chrono::nanoseconds now = std::chrono::seconds(1);
    const auto render = [&] {
        playout->render(outs.data(), period, now);
        now += std::chrono::microseconds(1333);
        for (const auto& channel : out)
            for (const float sample : channel) check(std::isfinite(sample));
    };
    for (std::size_t at = 1; at < size;) {
        const std::size_t length = data[at++];
        if (length == 0) {
            render();
        } else if (length == 255) {
            now += std::chrono::seconds(3);
            for (int i = 0; i < 50; ++i) render();
        } else {
            std::vector<std::uint8_t> packet(data + at, data + std::min(size, at + length));
            at += length;
            if (!packet.empty()) packet[0] = static_cast<std::uint8_t>(0x80 | (packet[0] & 0x01));
            playout->push(packet, now - std::chrono::microseconds(length));
            if (length % 3 == 0) playout->push(packet, now);
        }
    }
    for (int i = 0; i < 100; ++i) render();
    const auto metrics = playout->metrics();
    check(std::isfinite(metrics.delay_ms) && std::isfinite(metrics.target_ms) && std::isfinite(metrics.level_rms));
    check(std::abs(metrics.drift_ppm) <= 25000);
    return 0;
}

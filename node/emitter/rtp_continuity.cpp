// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/rtp_continuity.hpp"

#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::emitter {

bool RtpContinuity::rewrite(std::span<std::uint8_t> packet, std::uint32_t clock_rate, Clock::time_point now) noexcept {
    if (packet.size() < dsp::rtp_header_size || packet[0] >> 6 != 2) return false;
    const auto theirs_seq = static_cast<std::uint16_t>(packet[2] << 8 | packet[3]);
    std::uint32_t theirs_time = 0;
    for (std::size_t i = 4; i < 8; ++i) theirs_time = theirs_time << 8 | packet[i];

    if (!offset_) {
        std::uint32_t start = last_time_.value;
        if (last_packet_ != Clock::time_point{}) {
            const auto away = std::chrono::duration<double>(now - last_packet_).count();
            start += static_cast<std::uint32_t>(static_cast<std::uint64_t>(away * clock_rate));
        }
        offset_ = Offset{.seq = static_cast<std::uint16_t>(next_seq_.value - theirs_seq), .time = start - theirs_time};
    }
    const auto seq = static_cast<std::uint16_t>(theirs_seq + offset_->seq);
    const std::uint32_t time = theirs_time + offset_->time;

    packet[2] = static_cast<std::uint8_t>(seq >> 8);
    packet[3] = static_cast<std::uint8_t>(seq);
    for (std::size_t i = 0; i < 4; ++i) {
        const auto shift = 24 - 8 * i;
        packet[4 + i] = static_cast<std::uint8_t>(time >> shift);
        packet[8 + i] = static_cast<std::uint8_t>(ssrc_ >> shift);
    }
    next_seq_ = SeqNo{static_cast<std::uint16_t>(seq + 1)};
    last_time_ = RtpTime{time};
    last_packet_ = now;
    return true;
}

}  // namespace matriz::emitter

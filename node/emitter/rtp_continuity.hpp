// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/units.hpp"

namespace matriz::emitter {

/// Makes the packets of successive encoders look like those of one sender that never stopped: one SSRC, sequence
/// numbers without a gap, timestamps that went on meanwhile. So a listener hears silence, and no new stream, while JACK
/// is away. One thread (the one that encodes).
class RtpContinuity {
  public:
    using Clock = std::chrono::steady_clock;

    RtpContinuity(std::uint32_t ssrc, SeqNo first_seq, RtpTime first_time) noexcept
        : ssrc_(ssrc), next_seq_(first_seq), last_time_(first_time) {}

    /// The next packet comes from another encoder, whose numbers mean nothing to the ones before.
    void new_epoch() noexcept { offset_.reset(); }

    /// Rewrites sequence number, timestamp and SSRC in place. `clock_rate` is the payload's, Hz; `now` says how much
    /// time a change of encoders took. False (and nothing written) when `packet` is no RTP packet.
    bool rewrite(std::span<std::uint8_t> packet, std::uint32_t clock_rate, Clock::time_point now) noexcept;

    std::uint32_t ssrc() const noexcept { return ssrc_; }
    SeqNo next_seq() const noexcept { return next_seq_; }
    RtpTime last_time() const noexcept { return last_time_; }

  private:
    struct Offset {
        std::uint16_t seq;
        std::uint32_t time;
    };
    std::uint32_t ssrc_;
    SeqNo next_seq_;
    RtpTime last_time_;
    Clock::time_point last_packet_{};
    std::optional<Offset> offset_;  ///< ours minus the encoder's; nothing before the first packet of an epoch
};

}  // namespace matriz::emitter

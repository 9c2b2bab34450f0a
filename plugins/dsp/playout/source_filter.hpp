// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// Decides whose packets are played. One source (SSRC and its line of sequence numbers) holds the floor; another, or
/// the same one with a jump in its numbers, must send a few packets in sequence while the first is silent before it
/// takes over (compare RFC 3550, A.1 and 8.2). So a stray, a loop or a forged packet cannot throw a playing stream off.
/// One thread; RT-safe.
class SourceFilter {
  public:
    enum class Verdict {
        accept,   ///< belongs to the source
        restart,  ///< belongs to a new source, which holds the floor from now on
        reject,
    };

    /// `plausible`: the packet's RTP time fits its arrival. `now` in seconds, any origin.
    Verdict judge(std::uint32_t ssrc, SeqNo seq, bool plausible, double now) noexcept;

    /// Forgets everything: the next packet starts a stream.
    void reset() noexcept { *this = SourceFilter{}; }

  private:
    static constexpr int reach = 500;           ///< packets a source may jump or fall back without suspicion
    static constexpr int probation = 3;         ///< packets in sequence
    static constexpr double floor_time = 0.06;  ///< seconds of silence that free the floor

    struct Line {
        std::uint32_t ssrc = 0;
        SeqNo highest{};
        int count = 0;
    };
    Line current_;
    Line candidate_;
    double last_heard_ = 0;
};

}  // namespace matriz::dsp

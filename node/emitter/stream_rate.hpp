// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>

#include "node/emitter/config.hpp"

namespace matriz::emitter {

/// What a stream puts on the wire, without headers and redundant copies.
struct StreamRate {
    std::chrono::duration<double, std::milli> packet{};  ///< of audio in each
    int bitrate = 0;                                     ///< bit/s

    double packets_per_second() const noexcept { return 1e3 / packet.count(); }
};

/// PCM's share of a period that a packet holds, another codec's whole period. Pure; any thread.
Frames pcm_packet(const StreamConfig& stream, const JackTiming& timing) noexcept;

/// Opus keeps its frames and its 48 kHz whatever JACK does; the others follow its rate and period. `timing` has both.
/// Pure; any thread.
StreamRate stream_rate(const StreamConfig& stream, const JackTiming& timing) noexcept;

}  // namespace matriz::emitter

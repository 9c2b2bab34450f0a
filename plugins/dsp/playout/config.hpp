// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// What a person or the node decides about one playout. Plain values; the algorithms are elsewhere.
struct PlayoutConfig {
    SampleRate output_rate{48000};  ///< of the device that render() feeds: 8–384 kHz
    int output_channels = 2;        ///< 1–8; a mono stream goes to all of them, otherwise channel n to channel n

    /// Bounds of the delay target: the time from the arrival of a packet that the network did not hold up to the moment
    /// its first frame leaves render(). What the output period itself needs is never cut off by `max_delay`.
    std::chrono::microseconds min_delay{0};
    std::chrono::microseconds max_delay{200'000};

    /// What a gap costs in delay: from a delay of 6 ms on, concealing one more millisecond of sound a second is as bad
    /// as waiting this many milliseconds longer; at 3 ms it is four times as bad, at 1.5 ms sixteen times. The target
    /// is where the sum is least. The default follows from how much of what is concealed can be heard
    /// (docs/playout.md).
    double gap_price = 0.4;

    /// Packets held at most, whatever their size; fixes the memory of a playout: 1.3 kB each. Nothing: 512, or as many
    /// of the shortest packets that the codec may have as are held with the `max_delay` that the playout is made with.
    std::optional<int> packet_capacity{};

    /// RTP payload type of RED packets (RFC 2198); -1: the stream has none.
    int red_payload_type = -1;
    /// RTP payload type of the audio; -1: any. Others are dropped and counted as malformed.
    int payload_type = -1;
};

}  // namespace matriz::dsp

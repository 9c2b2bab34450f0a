// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

#include "common/base/units.hpp"
#include "plugins/dsp/playout/local_clock.hpp"

namespace matriz::dsp {

/// What a look at a capturing device (JACK) shows.
struct CaptureLook {
    std::uint64_t captured = 0;         ///< frames captured so far
    std::uint32_t cycle = 0;            ///< the device's count of frames when its current period began; wraps round
    std::chrono::nanoseconds begin{0};  ///< when that was, on the monotonic clock
    std::uint64_t xruns = 0;            ///< that the device has told of so far
};

/// Finds out how much sound a capturing device lost, from looks at it whenever something was captured: periods that it
/// counted and did not hand over, and sound that it lost without counting, in an xrun, after which its periods stay
/// late. Who looks late, or seldom, changes nothing. What is lost is told a few periods later; what is told wrongly is
/// set off against what is lost within ten seconds. One thread; RT-safe.
class CaptureClock {
  public:
    /// Of periods of `period` frames.
    CaptureClock(SampleRate rate, int period) noexcept : rate_(rate), period_(period), clock_(rate) {}

    /// Frames that are missing before what is captured from now on, and were not told before. A device that counts
    /// backwards, or lost more than five seconds, has started anew: nothing is missing.
    std::int64_t look(const CaptureLook& now) noexcept;

  private:
    std::int64_t start(const CaptureLook& now) noexcept;
    std::int64_t settle(std::int64_t passed) noexcept;

    SampleRate rate_;
    int period_;
    LocalClock clock_;
    bool running_ = false;
    CaptureLook last_;
    double missing_ = 0;  ///< frames lost that were not told; negative: told, and not lost
    int looks_ = 0;       ///< in a row with something missing…
    double least_ = 0;    ///< …and so much at least
    int looks_at_all_ = 0;  ///< since the start, the first ones
    std::int64_t credit_age_ = 0;  ///< frames since something was told that was not lost
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
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
    CaptureClock(SampleRate rate, int period) noexcept;

    /// Frames that are missing before what is captured from now on, and were not told before. A device that counts
    /// backwards, or lost more than five seconds, has started anew: nothing is missing.
    std::int64_t look(const CaptureLook& now) noexcept;

  private:
    /// What was lost in one way and not told of yet.
    class Account {
      public:
        /// `missing` frames more, after `passed` frames. Returns what has been missing for `looks` looks in a row.
        std::int64_t add(double missing, std::int64_t passed, int looks, std::int64_t memory) noexcept;
        /// What was told wrongly was the beginning.
        void forgive() noexcept { missing_ = std::max(missing_, 0.0); }

      private:
        double missing_ = 0;    ///< frames; negative: told, and not lost…
        std::int64_t age_ = 0;  ///< …for so many frames
        int looks_ = 0;         ///< in a row with something missing…
        double least_ = 0;      ///< …and so much at least
    };

    std::int64_t start(const CaptureLook& now) noexcept;

    SampleRate rate_;
    int period_;
    LocalClock clock_;
    CaptureLook last_;
    int looks_ = -1;  ///< since the start, up to looks_to_begin; -1: none
    Account passed_over_;
    Account xruns_;
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// What an output device that watches itself (JACK) says of the time before a period.
struct DeviceReport {
    std::int64_t lost_frames = 0;  ///< so many it knows to have left out
    bool xrun = false;             ///< it lost more, and does not know how much
};

/// The output device's own clock: seconds of sound rendered, tied to the monotonic clock in which packets are stamped.
/// A delay-locked loop (F. Adriaensen, "Using a DLL to filter time", 2005) takes the wake-up jitter off the callback
/// times. One thread; RT-safe.
class LocalClock {
  public:
    /// Periods count as strange until so many in a row are. Who knows their begin exactly needs fewer.
    explicit LocalClock(SampleRate rate, int least_strange = 6) noexcept : rate_(rate), least_strange_(least_strange) {}

    /// A period of `frames` begins at `now`. Returns the seconds the device lost before it (an xrun, a suspend): they
    /// count as passed, though nothing was rendered in them. Without a report that is guessed from callbacks that stay
    /// late, and taken back when they come early again.
    double begin_period(std::chrono::nanoseconds now, int frames,
                        const std::optional<DeviceReport>& report = std::nullopt) noexcept;

    /// Device time at the begin of the current period, in seconds since the first.
    double now() const noexcept { return position_; }
    /// Device time at the begin of the period before.
    double last_period() const noexcept { return last_position_; }
    /// Device time of a moment on the monotonic clock, near the current period.
    double at(std::chrono::nanoseconds moment) const noexcept;

    void reset() noexcept;

  private:
    double take(const std::optional<DeviceReport>& report) noexcept;
    bool stays(double error, double patience) noexcept;
    double reanchor(double nominal, double error) noexcept;
    static constexpr double seconds(std::chrono::nanoseconds t) noexcept {
        return static_cast<double>(t.count()) * 1e-9;
    }

    SampleRate rate_;
    int least_strange_;  ///< callbacks in a row
    bool running_ = false;
    std::chrono::nanoseconds origin_{0};  ///< keeps the doubles small
    double start_ = 0;                    ///< filtered monotonic time of this period's begin, after origin_
    double next_ = 0;                     ///< predicted begin of the next one
    double speed_ = 1;                    ///< monotonic seconds for each second of the device
    double elapsed_ = 0;                  ///< since the loop was closed, for its bandwidth
    double position_ = 0;
    double last_position_ = 0;
    int period_ = 0;

    double xrun_until_ = -1;    ///< position: so long after an xrun that the device told of
    int strange_ = 0;           ///< callbacks in a row that were off…
    double strange_since_ = 0;  ///< …from that position on…
    double least_error_ = 0;    ///< …and by how much, at least
};

}  // namespace matriz::dsp

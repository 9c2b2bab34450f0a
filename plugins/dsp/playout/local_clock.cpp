// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/local_clock.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace matriz::dsp {

namespace {

// Callbacks are late for a while whenever something else has the processor. Only when they stay late has the device
// lost sound; nothing goes wrong until that is believed, sound is merely as much later as the device is.
constexpr double xrun_memory = 0.25;        // seconds for which a few are enough after an xrun
constexpr double patience_guessing = 0.04;  // seconds for which they must stay late when the device tells nothing…
constexpr double patience_informed = 0.25;  // …and when it says that nothing was lost
constexpr double certain_guessing = 0.02;   // seconds off that leave no doubt
constexpr double certain_informed = 0.25;

}  // namespace

void LocalClock::reset() noexcept { running_ = false; }

double LocalClock::begin_period(std::chrono::nanoseconds now, int frames,
                                const std::optional<DeviceReport>& report) noexcept {
    const double nominal = static_cast<double>(frames) / rate_.hz;
    if (!running_) {
        running_ = true;
        origin_ = now;
        start_ = 0;
        next_ = nominal * speed_;
        elapsed_ = 0;
        period_ = frames;
        strange_ = 0;
        return 0;
    }
    const double last = static_cast<double>(period_) / rate_.hz;
    last_position_ = position_;
    position_ += last;
    period_ = frames;
    const double told = take(report);
    const bool informed = report && position_ >= xrun_until_;

    const double error = seconds(now - origin_) - next_;
    if (std::abs(error) > std::max(2.5 * last, informed ? certain_informed : certain_guessing)) {
        origin_ = now;
        next_ = -error;
        elapsed_ = 0;
        return std::max(0.0, told + reanchor(nominal, error));
    }
    const double outlier = std::max(0.4 * last, 0.0002);
    elapsed_ += last;
    if (std::abs(error) > outlier) {  // says nothing about the device's speed
        if (stays(error, informed ? patience_informed : report ? 0 : patience_guessing))
            return std::max(0.0, told + reanchor(nominal, least_error_));
        start_ = next_;
        next_ = start_ + nominal * speed_;
        return told;
    }
    strange_ = 0;
    const double bandwidth = std::clamp(1.0 / (elapsed_ + 0.01), 0.1, 5.0);  // Hz: wide at first, then calm
    const double omega = std::min(0.5, 2 * std::numbers::pi * bandwidth * last);
    start_ = next_ + std::numbers::sqrt2 * omega * error;
    speed_ = std::clamp(speed_ + omega * omega * error / last, 0.98, 1.02);
    next_ = start_ + nominal * speed_;
    return told;
}

/// Moves on by what the device knows that it lost. Returns that.
double LocalClock::take(const std::optional<DeviceReport>& report) noexcept {
    if (!report) return 0;
    const double lost = static_cast<double>(std::max<std::int64_t>(0, report->lost_frames)) / rate_.hz;
    position_ += lost;
    next_ += lost * speed_;
    if (report->xrun) xrun_until_ = position_ + xrun_memory;
    return lost;
}

/// Whether callbacks have been off to one side for `patience` seconds.
bool LocalClock::stays(double error, double patience) noexcept {
    if (strange_ == 0 || (error > 0) != (least_error_ > 0)) {
        strange_ = 0;
        strange_since_ = position_;
        least_error_ = error;
    }
    if (std::abs(error) < std::abs(least_error_)) least_error_ = error;
    return ++strange_ >= least_strange_ && position_ - strange_since_ >= patience;
}

/// Starts again `error` seconds off what was expected. Device time goes on over that, so that it stays where it was on
/// the monotonic clock. Returns what the device lost; negative: what was thought to be lost was not.
double LocalClock::reanchor(double nominal, double error) noexcept {
    start_ = next_ + error;
    next_ = start_ + nominal * speed_;
    strange_ = 0;
    position_ += error / speed_;
    return error / speed_;
}

double LocalClock::at(std::chrono::nanoseconds moment) const noexcept {
    return position_ + (seconds(moment - origin_) - start_) / speed_;
}

}  // namespace matriz::dsp

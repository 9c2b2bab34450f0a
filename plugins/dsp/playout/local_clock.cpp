// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/local_clock.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace matriz::dsp {

void LocalClock::reset() noexcept { running_ = false; }

double LocalClock::begin_period(std::chrono::nanoseconds now, int frames) noexcept {
    const double nominal = static_cast<double>(frames) / rate_.hz;
    if (!running_) {
        running_ = true;
        origin_ = now;
        start_ = 0;
        next_ = nominal * speed_;
        elapsed_ = 0;
        period_ = frames;
        return 0;
    }
    const double last = static_cast<double>(period_) / rate_.hz;
    last_position_ = position_;
    position_ += last;
    period_ = frames;

    const double error = seconds(now - origin_) - next_;
    if (std::abs(error) > std::max(2.5 * last, 0.004)) {
        origin_ = now;
        elapsed_ = 0;
        return reanchor(nominal, 0, error);
    }
    const double outlier = std::max(0.4 * last, 0.0002);
    if (watched_ == 0 || std::abs(error) < std::abs(least_error_)) least_error_ = error;
    if (++watched_ >= watch_length) {
        watched_ = 0;
        if (std::abs(least_error_) > outlier) return reanchor(nominal, next_ + least_error_, least_error_);
    }
    elapsed_ += last;
    if (std::abs(error) > outlier) {  // says nothing about the device's speed
        start_ = next_;
        next_ = start_ + nominal * speed_;
        return 0;
    }
    const double bandwidth = std::clamp(1.0 / (elapsed_ + 0.01), 0.1, 5.0);  // Hz: wide at first, then calm
    const double omega = std::min(0.5, 2 * std::numbers::pi * bandwidth * last);
    start_ = next_ + std::numbers::sqrt2 * omega * error;
    speed_ = std::clamp(speed_ + omega * omega * error / last, 0.98, 1.02);
    next_ = start_ + nominal * speed_;
    return 0;
}

/// Starts again at `start`, which is `lost` seconds off what was expected. Returns what the device lost.
double LocalClock::reanchor(double nominal, double start, double lost) noexcept {
    start_ = start;
    next_ = start_ + nominal * speed_;
    watched_ = 0;
    const double missing = std::max(0.0, lost / speed_);
    position_ += missing;
    return missing;
}

double LocalClock::at(std::chrono::nanoseconds moment) const noexcept {
    return position_ + (seconds(moment - origin_) - start_) / speed_;
}

}  // namespace matriz::dsp

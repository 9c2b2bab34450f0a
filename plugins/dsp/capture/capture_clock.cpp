// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/capture/capture_clock.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

namespace {

// A look may fall between the begin of a period and its capture. It will not do so for ever.
constexpr int looks_to_believe = 6;
constexpr int looks_to_begin = 100;  // the first of all may fall there, too
constexpr int longest_loss = 5;    // seconds; more is a new start
constexpr int credit_memory = 10;  // seconds

}  // namespace

std::int64_t CaptureClock::start(const CaptureLook& now) noexcept {
    running_ = true;
    last_ = now;
    missing_ = 0;
    looks_ = 0;
    credit_age_ = 0;
    looks_at_all_ = 0;
    clock_.reset();
    clock_.begin_period(now.begin, period_);
    return 0;
}

std::int64_t CaptureClock::look(const CaptureLook& now) noexcept {
    const std::int64_t longest = longest_loss * static_cast<std::int64_t>(rate_.hz);
    const auto passed = static_cast<std::int32_t>(now.cycle - last_.cycle);
    const auto captured = static_cast<std::int64_t>(now.captured - last_.captured);
    if (!running_ || passed < 0 || passed > longest || captured < 0 || captured > longest) return start(now);
    if (passed == 0) return 0;

    const double before = clock_.now();
    clock_.begin_period(now.begin, period_,
                        DeviceReport{.lost_frames = passed - period_, .xrun = now.xruns != last_.xruns});
    last_ = now;
    missing_ += (clock_.now() - before) * rate_.hz - static_cast<double>(captured);
    if (missing_ > static_cast<double>(longest)) return start(now);
    return settle(passed);
}

/// What of `missing_` is to be told now.
std::int64_t CaptureClock::settle(std::int64_t passed) noexcept {
    credit_age_ = missing_ < 0 ? credit_age_ + passed : 0;
    if (missing_ < 0 && (looks_at_all_ < looks_to_begin || credit_age_ > credit_memory * static_cast<std::int64_t>(rate_.hz)))
        missing_ = 0;
    looks_at_all_ = std::min(looks_at_all_ + 1, looks_to_begin);
    if (missing_ < 1) {
        looks_ = 0;
        return 0;
    }
    least_ = looks_ == 0 ? missing_ : std::min(least_, missing_);
    if (++looks_ < looks_to_believe) return 0;
    looks_ = 0;
    const auto told = static_cast<std::int64_t>(std::floor(least_));
    missing_ -= static_cast<double>(told);
    return told;
}

}  // namespace matriz::dsp

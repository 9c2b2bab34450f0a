// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/capture/capture_clock.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

namespace {

// A look may fall between the begin of a period and its capture, but not for ever.
constexpr int looks_to_believe_passed_over = 8;
constexpr int looks_to_begin = 100;       // the first of all may fall there, too
constexpr int late_periods = 3;           // from here it is known exactly when a period began
constexpr int looks_to_believe_xrun = 2;  // the begin of the very period of an xrun may be told wrongly
constexpr int longest_loss = 5;           // seconds; more is a new start
constexpr int credit_memory = 10;         // seconds

}  // namespace

CaptureClock::CaptureClock(SampleRate rate, int period) noexcept
    : rate_(rate), period_(period), clock_(rate, late_periods) {}

std::int64_t CaptureClock::start(const CaptureLook& now) noexcept {
    looks_ = 0;
    last_ = now;
    passed_over_ = {};
    xruns_ = {};
    clock_.reset();
    clock_.begin_period(now.begin, period_);
    return 0;
}

std::int64_t CaptureClock::look(const CaptureLook& now) noexcept {
    const auto second = static_cast<std::int64_t>(rate_.hz);
    const auto passed = static_cast<std::int32_t>(now.cycle - last_.cycle);
    const auto captured = static_cast<std::int64_t>(now.captured - last_.captured);
    const auto plausible = [longest = longest_loss * second](std::int64_t n) { return n >= 0 && n <= longest; };
    if (looks_ < 0 || !plausible(passed) || !plausible(captured)) return start(now);
    if (passed == 0) return 0;

    const double before = clock_.now();
    clock_.begin_period(now.begin, period_,
                        DeviceReport{.lost_frames = passed - period_, .xrun = now.xruns != last_.xruns});
    const double xrun = (clock_.now() - before) * rate_.hz - passed;
    last_ = now;
    if (!plausible(static_cast<std::int64_t>(std::abs(xrun)))) return start(now);

    const std::int64_t lost = passed_over_.add(static_cast<double>(passed - captured), passed,
                                               looks_to_believe_passed_over, credit_memory * second) +
                              xruns_.add(xrun, passed, looks_to_believe_xrun, credit_memory * second);
    if (looks_ < looks_to_begin) {
        ++looks_;
        passed_over_.forgive();
    }
    return lost;
}

std::int64_t CaptureClock::Account::add(double missing, std::int64_t passed, int looks, std::int64_t memory) noexcept {
    missing_ += missing;
    age_ = missing_ < 0 ? age_ + passed : 0;
    if (age_ > memory) missing_ = 0;
    if (missing_ < 1) {
        looks_ = 0;
        return 0;
    }
    least_ = looks_ == 0 ? missing_ : std::min(least_, missing_);
    if (++looks_ < looks) return 0;
    looks_ = 0;
    const auto told = static_cast<std::int64_t>(least_);
    missing_ -= static_cast<double>(told);
    return told;
}

}  // namespace matriz::dsp

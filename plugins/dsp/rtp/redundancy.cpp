// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/rtp/redundancy.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

Redundancy RedundancyController::wanted(const LossReport& report) const noexcept {
    const double lost = std::isfinite(report.lost) ? std::clamp(report.lost, 0.0, 1.0) : 0.0;
    const int most = std::clamp(config_.max_depth, 0, Redundancy::max_depth);
    Redundancy result;
    // A frame is gone when its packet and all that carry it again are lost: copies a burst apart fare independently.
    double gaps = lost * config_.packets_per_second * 60;
    while (gaps > config_.gaps_per_minute && result.depth < most) {
        gaps *= lost;
        ++result.depth;
    }
    if (lost >= config_.choked) result.depth = std::min(result.depth, 1);
    if (report.burst && std::isfinite(*report.burst) && result.depth > 0)
        result.distance = static_cast<int>(
            std::clamp(std::ceil(*report.burst - 0.25), 1.0, static_cast<double>(Redundancy::max_distance)));
    return result;
}

Redundancy RedundancyController::report(const LossReport& report, Time now) noexcept {
    const Redundancy want = wanted(report);
    if (want.depth >= current_.depth) {
        release_at_.reset();
        if (want.depth > 0) current_ = want;
        return current_;
    }
    if (report.lost >= config_.choked) {  // of a choked link get off at once
        release_at_.reset();
        return current_ = want;
    }
    if (!release_at_) {
        release_at_ = now + config_.first_release;
        needed_lately_ = want.depth;
    }
    needed_lately_ = std::max(needed_lately_, want.depth);
    if (now < *release_at_) return current_;
    current_.depth = std::max(current_.depth - 1, needed_lately_);
    if (current_.depth == 0) current_ = {};
    needed_lately_ = want.depth;
    release_at_ = now + config_.further_release;
    return current_;
}

}  // namespace matriz::dsp

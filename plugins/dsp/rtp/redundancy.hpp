// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>

#include "plugins/dsp/rtp/red.hpp"

namespace matriz::dsp {

/// What a receiver says about the packets since its last report.
struct LossReport {
    double lost = 0;                ///< share of the packets that did not come, 0–1, before any recovery
    std::optional<double> burst{};  ///< how many are lost in a row on average, if it knows
};

/// Chooses how much redundancy one receiver gets from the loss it reports: none while there is none, at once enough
/// when there is some, less again only after the link has been better for a while. One thread, no I/O, no clock of its
/// own.
class RedundancyController {
  public:
    using Time = std::chrono::steady_clock::duration;

    struct Config {
        double packets_per_second = 400;
        int max_depth = Redundancy::max_depth;     ///< 0 switches redundancy off
        double gaps_per_minute = 1;                ///< what may remain after recovery
        double choked = 0.3;                       ///< from this loss on more bytes would make it worse
        std::chrono::seconds first_release{30};    ///< how long less must have been enough before there is less
        std::chrono::seconds further_release{10};  ///< and before there is still less
    };

    explicit RedundancyController(const Config& config) : config_(config) {}

    /// Takes a report that came at `now` and returns what to send from now on.
    Redundancy report(const LossReport& report, Time now) noexcept;

    Redundancy current() const noexcept { return current_; }

    /// What a loss that stays as reported asks for.
    Redundancy wanted(const LossReport& report) const noexcept;

  private:
    Config config_;
    Redundancy current_{};
    int needed_lately_ = 0;  ///< the greatest depth wanted since release_at_ was set
    std::optional<Time> release_at_{};
};

}  // namespace matriz::dsp

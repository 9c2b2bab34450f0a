// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "common/base/units.hpp"

namespace matriz::probe {

/// Notices when sound begins after silence. One thread.
class Onset {
  public:
    explicit Onset(SampleRate rate) : least_silence_(static_cast<std::size_t>(rate.hz) * 3 / 10) {}

    /// True when sound begins in `samples` after at least 300 ms of silence, or for the first time.
    bool push(std::span<const float> samples) noexcept {
        constexpr float audible = 0.003F;  // -50 dBFS: above what an idle codec leaves behind
        const bool sound = std::any_of(samples.begin(), samples.end(), [](float s) { return std::abs(s) > audible; });
        const bool begins = sound && silence_ >= least_silence_;
        silence_ = sound ? 0 : std::min(silence_ + samples.size(), least_silence_);
        if (!heard_ && sound) return heard_ = true;
        return begins;
    }

  private:
    std::size_t least_silence_;
    std::size_t silence_ = 0;
    bool heard_ = false;
};

}  // namespace matriz::probe

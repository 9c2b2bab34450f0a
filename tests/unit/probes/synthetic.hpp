// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/probes/signal.hpp"

namespace matriz::probe::test {

constexpr SampleRate rate{48000};

/// What a port hears when the way takes `delay` frames (fractions by linear interpolation).
inline std::vector<float> heard(const Loop& loop, std::int64_t first, std::size_t frames, double delay,
                                double gain = 1) {
    std::vector<float> out(frames);
    for (std::size_t n = 0; n < frames; ++n) {
        const double at = static_cast<double>(first) + static_cast<double>(n) - delay;
        const double whole = std::floor(at);
        const double fraction = at - whole;
        const auto index = static_cast<std::int64_t>(whole);
        out[n] = static_cast<float>(gain * (loop.at(index) * (1 - fraction) + loop.at(index + 1) * fraction));
    }
    return out;
}

inline void add_noise(std::vector<float>& samples, double rms, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(0, rms);
    for (float& s : samples) s = static_cast<float>(s + noise(random));
}

}  // namespace matriz::probe::test

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/meter.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::emitter {
namespace {

float decibels(double amplitude) noexcept {
    // Written so that a NaN from a broken client reads as silence.
    if (!(amplitude > 1e-6)) return silence_db;
    return static_cast<float>(20 * std::log10(amplitude));
}

}  // namespace

void Meter::feed(std::span<const float> samples, int channels, SampleRate rate) noexcept {
    const auto stride = static_cast<std::size_t>(std::max(channels, 1));
    const std::size_t metered = std::min(stride, max_channels);
    if (metered != rt_.channels) rt_ = {.sums = {}, .channels = metered, .frames = 0};
    const std::int64_t window = std::max<std::int64_t>(rate.hz / 10, 1);
    for (std::size_t frame = 0; frame + stride <= samples.size(); frame += stride) {
        for (std::size_t c = 0; c < metered; ++c) {
            const float sample = samples[frame + c];
            rt_.sums[c].peak = std::max(rt_.sums[c].peak, std::fabs(sample));
            rt_.sums[c].squares += static_cast<double>(sample) * static_cast<double>(sample);
        }
        if (++rt_.frames >= window) publish(metered);
    }
}

void Meter::publish(std::size_t channels) noexcept {
    for (std::size_t c = 0; c < channels; ++c) {
        const Sum& sum = rt_.sums[c];
        published_[c].peak_db.store(decibels(static_cast<double>(sum.peak)), std::memory_order_relaxed);
        published_[c].rms_db.store(decibels(std::sqrt(sum.squares / static_cast<double>(rt_.frames))),
                                   std::memory_order_relaxed);
        rt_.sums[c] = {};
    }
    rt_.frames = 0;
    channels_.store(channels, std::memory_order_release);
}

std::vector<Level> Meter::levels() const {
    std::vector<Level> levels(channels_.load(std::memory_order_acquire));
    for (std::size_t c = 0; c < levels.size(); ++c)
        levels[c] = {.peak_db = published_[c].peak_db.load(std::memory_order_relaxed),
                     .rms_db = published_[c].rms_db.load(std::memory_order_relaxed)};
    return levels;
}

}  // namespace matriz::emitter

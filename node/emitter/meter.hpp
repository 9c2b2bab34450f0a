// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::emitter {

constexpr std::size_t max_channels = 8;

/// How loud one channel was in the last window, dB relative to full scale; never below `silence_db`.
struct Level {
    float peak_db = -120;
    float rms_db = -120;
};
constexpr float silence_db = -120;

/// Measures what passes by, in windows of 100 ms. One thread feeds, any thread reads; neither waits for the other.
class Meter {
  public:
    /// RT-safe. `samples` are interleaved.
    void feed(std::span<const float> samples, int channels, SampleRate rate) noexcept;
    /// One entry for each channel of the last window; empty before the first.
    std::vector<Level> levels() const;

  private:
    void publish(std::size_t channels) noexcept;

    struct Sum {
        float peak = 0;
        double squares = 0;
    };
    struct {  // only the feeding thread
        std::array<Sum, max_channels> sums{};
        std::size_t channels = 0;
        std::int64_t frames = 0;
    } rt_;
    struct Published {
        std::atomic<float> peak_db{silence_db};
        std::atomic<float> rms_db{silence_db};
    };
    std::array<Published, max_channels> published_{};
    std::atomic<std::size_t> channels_{0};
};

}  // namespace matriz::emitter

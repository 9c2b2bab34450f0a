// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/glitch.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace matriz::probe {
namespace {
constexpr double merge_seconds = 0.010;
// Silence goes on over what is not judged for a chirp's sake: the chirp, its guards and what is left over of a block,
// 54 ms at most. Nothing is known of what lies in a longer stretch.
constexpr double joined_seconds = 0.060;
}  // namespace

GlitchDetector::GlitchDetector(SampleRate rate)
    : rate_(rate.hz), cell_(rate.hz / 1000), last_bad_(std::numeric_limits<std::int64_t>::min() / 2) {}

GlitchCount GlitchDetector::take() noexcept { return std::exchange(counted_, {}); }

void GlitchDetector::count(std::int64_t first, std::span<const Cell> cells) {
    if (first - counted_until_ > static_cast<std::int64_t>(joined_seconds * static_cast<double>(rate_)))
        silence_start_ = -1;
    std::int64_t frame = first;
    for (const Cell& cell : cells) {
        if (cell.bad) {
            if (frame - last_bad_ >= static_cast<std::int64_t>(merge_seconds * static_cast<double>(rate_)))
                ++counted_.events;
            last_bad_ = frame + cell_;
        }
        if (!cell.silent) {
            silence_start_ = -1;
        } else {
            if (silence_start_ < 0) silence_start_ = frame;
            const double length = static_cast<double>(frame + cell_ - silence_start_) / static_cast<double>(rate_);
            counted_.longest_dropout = std::max(counted_.longest_dropout, length);
        }
        frame += cell_;
    }
    counted_until_ = frame;
    counted_.seconds += static_cast<double>(frame - first) / static_cast<double>(rate_);
}

std::unique_ptr<GlitchDetector> make_glitch_detector(const Loop& loop) {
    switch (loop.background) {
        case Background::none:
            return nullptr;
        case Background::tone:
            return std::make_unique<ToneGlitchDetector>(loop);
        case Background::string:
        case Background::speech:
            return std::make_unique<AlignedGlitchDetector>(loop);
    }
    return nullptr;
}

}  // namespace matriz::probe

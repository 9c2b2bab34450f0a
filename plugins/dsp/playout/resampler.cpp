// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/resampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {

constexpr int phases = 120;
constexpr std::uint64_t one = std::uint64_t{1} << 40;  // input frame: finer than a day of them could show
constexpr double slowest = 0.9;
constexpr double fastest = 1.1;

/// Of gcc and clang: one instruction for four on every processor that we build for.
using Four = float __attribute__((vector_size(16)));

Four load(const float* from) noexcept {
    Four four;
    std::memcpy(&four, from, sizeof four);
    return four;
}

struct Filter {
    int half_length;
    double cutoff;  ///< of the lower rate's Nyquist frequency
};

/// 8 taps a side, 0.17 ms at 48 kHz, are enough for a shift. Between rates that differ, images of the uppermost
/// octave's end would fold back into the audible: longer, and cut off a little earlier.
Filter filter_for(double ratio) {
    if (ratio == 1.0) return {8, 1.0};
    return {16, 0.92};
}

double sinc(double x) {
    const double angle = std::numbers::pi * x;
    return std::abs(angle) < 1e-6 ? 1.0 : std::sin(angle) / angle;
}

/// From 1 in the middle to 0 at ±1.
double window(double x) {
    if (std::abs(x) >= 1) return 0;
    const double angle = std::numbers::pi * x;
    return 0.384 + 0.5 * std::cos(angle) + 0.116 * std::cos(2 * angle);
}

}  // namespace

Resampler::Resampler(SampleRate from, SampleRate to, int channels)
    : channels_(channels), step_(static_cast<double>(from.hz) / to.hz) {
    const double ratio = 1.0 / step_;
    if (channels < 1 || !(ratio >= 1.0 / 16) || !(ratio <= 16))
        throw Error("no resampling from {} to {} Hz with {} channels", from.hz, to.hz, channels);
    auto [half, cutoff] = filter_for(ratio);
    if (ratio < 1) {
        half = static_cast<int>(std::ceil(half / ratio));
        cutoff *= ratio;
    }
    half_ = (half + 3) / 4 * 4;
    room_ = block * static_cast<int>(std::ceil(fastest * step_) + 1);
    capacity_ = 2 * half_ + 8 * room_;
    lines_.resize(static_cast<std::size_t>(capacity_ * channels));
    rows_.reserve(static_cast<std::size_t>((phases + 1) * 2 * half_));
    for (int phase = 0; phase <= phases; ++phase) {
        for (int tap = 0; tap < 2 * half_; ++tap) {
            const double off = tap - (half_ - 1) - static_cast<double>(phase) / phases;
            rows_.push_back(static_cast<float>(cutoff * sinc(off * cutoff) * window(off / half_)));
        }
    }
    set_speed(1);
    reset();
}

void Resampler::set_speed(double factor) noexcept {
    advance_ = static_cast<std::uint64_t>(step_ * std::clamp(factor, slowest, fastest) * one);
}

double Resampler::ahead() const noexcept {
    return half_ + 1 - missing_ - static_cast<double>(phase_) / static_cast<double>(one);
}

void Resampler::reset() noexcept {
    phase_ = 0;
    begin_ = 0;
    end_ = 0;
    missing_ = 2 * half_;
}

Resampler::Progress Resampler::process(const float* in, int in_frames, float* out, int out_frames) noexcept {
    Progress done;
    while (done.produced < out_frames) {
        make_room();
        const Plan next = plan(in_frames - done.consumed, std::min(block, out_frames - done.produced));
        append(in + done.consumed * channels_, next.take);
        convolve(std::span(places_).first(static_cast<std::size_t>(next.places)), out + done.produced * channels_);
        done.consumed += next.take;
        done.produced += next.places;
        if (missing_ > 0 && done.consumed == in_frames) break;
    }
    return done;
}

/// Puts up to `most` output frames into places_, for which no more than `available` input frames need to be taken.
Resampler::Plan Resampler::plan(int available, int most) noexcept {
    Plan made;
    while (made.places < most) {
        const int taken = std::min(missing_, available - made.take);
        made.take += taken;
        missing_ -= taken;
        if (missing_ > 0) break;
        const std::uint64_t at = phase_ * phases;
        const auto beyond = static_cast<std::int32_t>(at % one >> 16);
        places_[static_cast<std::size_t>(made.places++)] = {begin_, static_cast<int>(at / one),
                                                            static_cast<float>(beyond) * 0x1p-24F};
        phase_ += advance_;
        missing_ = static_cast<int>(phase_ / one);
        phase_ %= one;
        begin_ += missing_;
    }
    return made;
}

/// For the most that a block may take.
void Resampler::make_room() noexcept {
    if (end_ + 2 * half_ + room_ <= capacity_) return;
    for (int c = 0; c < channels_; ++c) {
        float* const line = lines_.data() + c * capacity_;
        std::copy(line + begin_, line + end_, line);
    }
    end_ -= begin_;
    begin_ = 0;
}

void Resampler::append(const float* in, int frames) noexcept {
    for (int c = 0; c < channels_; ++c) {
        float* const to = lines_.data() + c * capacity_ + end_;
        for (int i = 0; i < frames; ++i) to[i] = in[i * channels_ + c];
    }
    end_ += frames;
}

void Resampler::convolve(std::span<const Place> places, float* out) const noexcept {
    if (half_ == 8)
        convolve_all<16>(places, out);
    else
        convolve_all<0>(places, out);
}

/// `fixed` is the number of taps, for a loop that the compiler unrolls; 0: any. Two channels at once, for the filter
/// has to be interpolated for both; the same one twice where there is only one.
template <int fixed>
void Resampler::convolve_all(std::span<const Place> places, float* out) const noexcept {
    const int taps = fixed > 0 ? fixed : 2 * half_;
    for (const Place& place : places) {
        const float* const row = rows_.data() + place.row * taps;
        for (int c = 0; c < channels_; c += 2) {
            const int other = std::min(c + 1, channels_ - 1);
            const float* const here = lines_.data() + c * capacity_ + place.at;
            const float* const there = lines_.data() + other * capacity_ + place.at;
            Four sum{};
            Four sum_there{};
            for (int i = 0; i < taps; i += 4) {
                const Four weights = load(row + i);
                const Four between = weights + place.beyond * (load(row + taps + i) - weights);
                sum += between * load(here + i);
                sum_there += between * load(there + i);
            }
            out[c] = sum[0] + sum[1] + sum[2] + sum[3];
            out[other] = sum_there[0] + sum_there[1] + sum_there[2] + sum_there[3];
        }
        out += channels_;
    }
}

}  // namespace matriz::dsp

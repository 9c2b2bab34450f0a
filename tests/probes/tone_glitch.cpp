// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/probes/glitch.hpp"

namespace matriz::probe {
namespace {

constexpr double bad_residual = 0.2;       // relative to the tone: -14 dB
constexpr double noise_factor = 4;         // …or this much above what the codec always leaves
constexpr double bad_level_change = 0.3;   // of the fitted amplitude against the usual one
constexpr double silence = 0.1;            // below this share of the usual level nothing is heard
constexpr double greatest_detune = 0.015;  // resampling by up to this much is no glitch
constexpr double least_amplitude = 3e-4;   // -70 dBFS
constexpr std::size_t memory = 200;        // blocks, about a second

}  // namespace

ToneGlitchDetector::ToneGlitchDetector(const Loop& loop)
    : GlitchDetector(loop.rate),
      omega_(2 * std::numbers::pi * loop.tone_hz / loop.rate.hz),
      block_(cell_frames() * 10) {}

/// Least squares of a·cos(ωn) + b·sin(ωn).
ToneGlitchDetector::Fit ToneGlitchDetector::fit(std::span<const float> block, double omega) const {
    double cc = 0;
    double ss = 0;
    double cs = 0;
    double xc = 0;
    double xs = 0;
    double c = 1;
    double s = 0;
    const double turn_c = std::cos(omega);
    const double turn_s = std::sin(omega);
    for (const float x : block) {
        cc += c * c;
        ss += s * s;
        cs += c * s;
        xc += x * c;
        xs += x * s;
        const double next = c * turn_c - s * turn_s;
        s = s * turn_c + c * turn_s;
        c = next;
    }
    const double determinant = cc * ss - cs * cs;
    return {(xc * ss - xs * cs) / determinant, (xs * cc - xc * cs) / determinant};
}

double ToneGlitchDetector::usual_amplitude(double latest) {
    if (latest > std::max(least_amplitude, 0.25 * usual_)) {
        if (amplitudes_.size() < memory)
            amplitudes_.push_back(latest);
        else
            amplitudes_[next_amplitude_++ % memory] = latest;
        auto sorted = amplitudes_;
        const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
        std::nth_element(sorted.begin(), middle, sorted.end());
        usual_ = *middle;
    }
    return usual_;
}

void ToneGlitchDetector::judge_block(std::span<const float> block, std::span<Cell> cells) {
    // The turn between the two halves tells how far the tone is detuned; a jump of phase asks for more than is allowed.
    const std::size_t half = block.size() / 2;
    const Fit early = fit(block.first(half), omega_);
    const Fit late = fit(block.subspan(half), omega_);
    const double expected = omega_ * static_cast<double>(half);
    // a cos + b sin = A cos(ωn + φ) with φ = atan2(-b, a).
    const double turn = std::atan2(-late.sine, late.cosine) - std::atan2(-early.sine, early.cosine) - expected;
    const double detune = std::remainder(turn, 2 * std::numbers::pi) / static_cast<double>(half);
    const double omega = omega_ + std::clamp(detune, -greatest_detune * omega_, greatest_detune * omega_);
    const Fit whole = fit(block, omega);
    const double amplitude = std::hypot(whole.cosine, whole.sine);
    const double usual = usual_amplitude(amplitude);
    if (usual < least_amplitude) return;  // nothing was heard yet: no opinion

    const double limit = std::max(bad_residual, noise_factor * usual_noise_);
    const bool level_changed = std::abs(amplitude - usual) > bad_level_change * usual;
    const auto width = static_cast<std::size_t>(cell_frames());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        double error = 0;
        double energy = 0;
        for (std::size_t n = i * width; n < (i + 1) * width; ++n) {
            const double angle = omega * static_cast<double>(n);
            const double e = block[n] - whole.cosine * std::cos(angle) - whole.sine * std::sin(angle);
            error += e * e;
            energy += static_cast<double>(block[n]) * block[n];
        }
        const double residual = std::sqrt(2 * error / static_cast<double>(width)) / usual;
        if (residual > limit || level_changed)
            cells[i].bad = true;
        else
            usual_noise_ += 0.005 * (residual - usual_noise_);
        if (std::sqrt(2 * energy / static_cast<double>(width)) < silence * usual) cells[i].silent = true;
    }
}

void ToneGlitchDetector::judge(std::int64_t first, std::span<const float> received, double) {
    const auto width = static_cast<std::size_t>(cell_frames());
    const auto block = static_cast<std::size_t>(block_);
    std::vector<Cell> cells(received.size() / width);
    if (cells.size() * width < block) return;
    const std::size_t last = cells.size() * width - block;
    const std::size_t hop = (block / 2) / width * width;
    for (std::size_t start = 0;; start = std::min(start + hop, last)) {  // the last block ends with the last cell
        judge_block(received.subspan(start, block), std::span(cells).subspan(start / width, block / width));
        if (start == last) break;
    }
    count(first, cells);
}

}  // namespace matriz::probe

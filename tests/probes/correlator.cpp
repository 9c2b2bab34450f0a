// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/correlator.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::probe {
namespace {

/// Below this the chirp is not held to be there: another sender's chirp reaches 0.3, noise 0.25, a coded chirp 0.8.
constexpr double least_correlation = 0.45;
/// Energy in the chirp's band below which there is only silence and dither (-90 dBFS).
constexpr double least_power = 1e-9;

double band(double hz) {
    const double low = std::clamp((hz - 1300) / 400, 0.0, 1.0);
    const double high = std::clamp((9200 - hz) / 600, 0.0, 1.0);
    return low * high;
}

}  // namespace

Correlator::Correlator(const Loop& loop)
    : chirp_frames_(loop.chirp.size()),
      lags_(static_cast<std::size_t>(max_delay_seconds * loop.rate.hz)),
      fft_(power_of_two(lags_ + 2 * chirp_frames_)),
      mask_(fft_.size()),
      pattern_(fft_.size()),
      work_(fft_.size()) {
    const std::size_t n = fft_.size();
    for (std::size_t k = 0; k < n; ++k)
        mask_[k] =
            static_cast<float>(band(static_cast<double>(std::min(k, n - k)) * loop.rate.hz / static_cast<double>(n)));
    std::copy(loop.chirp.begin(), loop.chirp.end(), pattern_.begin());
    fft_.forward(pattern_);
    double energy = 0;
    for (std::size_t k = 0; k < n; ++k) {
        pattern_[k] = std::conj(pattern_[k]) * mask_[k];
        energy += std::norm(pattern_[k]);
    }
    pattern_norm_ = std::sqrt(energy / static_cast<double>(n));
}

std::optional<Match> Correlator::find(std::span<const float> segment) {
    std::fill(work_.begin(), work_.end(), std::complex<float>{});
    std::copy_n(segment.begin(), std::min(segment.size(), segment_frames()), work_.begin());
    fft_.forward(work_);
    // Both results are real, so one inverse transform yields both: correlation in the real part, the segment limited to
    // the chirp's band in the imaginary part.
    for (std::size_t k = 0; k < work_.size(); ++k) {
        const std::complex<float> x = work_[k] * mask_[k];
        const std::complex<float> c{x.real() * pattern_[k].real() - x.imag() * pattern_[k].imag(),
                                    x.real() * pattern_[k].imag() + x.imag() * pattern_[k].real()};
        work_[k] = {c.real() - x.imag(), c.imag() + x.real()};
    }
    fft_.inverse(work_);

    std::size_t best = 0;
    for (std::size_t lag = 1; lag < lags_; ++lag)
        if (work_[lag].real() > work_[best].real()) best = lag;
    double energy = 0;
    for (std::size_t i = 0; i < chirp_frames_; ++i)
        energy += static_cast<double>(work_[best + i].imag()) * work_[best + i].imag();
    if (energy < least_power * static_cast<double>(chirp_frames_)) return std::nullopt;
    const double correlation = work_[best].real() / (std::sqrt(energy) * pattern_norm_);
    if (correlation < least_correlation) return std::nullopt;

    double fraction = 0;
    if (best > 0) {  // vertex of the parabola through the peak and its neighbours
        const double before = work_[best - 1].real();
        const double peak = work_[best].real();
        const double after = work_[best + 1].real();
        const double curvature = before - 2 * peak + after;
        if (curvature < 0) fraction = std::clamp(0.5 * (before - after) / curvature, -0.5, 0.5);
    }
    return Match{static_cast<double>(best) + fraction, std::min(1.0, correlation)};
}

}  // namespace matriz::probe

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <complex>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "tests/probes/fft.hpp"
#include "tests/probes/signal.hpp"

namespace matriz::probe {

/// Where a chirp was found.
struct Match {
    double delay = 0;        ///< frames from the start of the segment, with a fraction
    double correlation = 0;  ///< 0…1: how much of what is there, in the chirp's band, is the chirp
};

/// Finds one sender's chirp by cross-correlation. One thread at a time.
class Correlator {
  public:
    /// Longest delay that is searched for.
    static constexpr double max_delay_seconds = 0.5;

    explicit Correlator(const Loop& loop);

    /// Frames that find() wants: the longest delay and one chirp.
    std::size_t segment_frames() const noexcept { return lags_ + chirp_frames_; }
    /// The best place of the chirp in `segment`, or nothing when it is not clearly there.
    std::optional<Match> find(std::span<const float> segment);

  private:
    std::size_t chirp_frames_;
    std::size_t lags_;
    Fft fft_;
    std::vector<float> mask_;                   // pass band of the chirp, by FFT bin
    std::vector<std::complex<float>> pattern_;  // conjugate spectrum of the chirp
    std::vector<std::complex<float>> work_;
    double pattern_norm_ = 0;
};

}  // namespace matriz::probe

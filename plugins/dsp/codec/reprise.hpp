// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// Tells of which earlier bits of sound the last bit was made: a weighted sum of up to twelve stretches of the last 100
/// ms that together come closest to the last 20 ms. Several strings that sound at once repeat at no common period, but
/// each repeats at its own, and the sum of a few earlier stretches catches them all. (The long-term predictor of
/// speech coders, with many taps far apart in place of one.) One thread; allocates in the constructor only.
class Reprise {
  public:
    static constexpr std::size_t most = 12;

    /// The sound `lag` samples earlier, times `weight`, summed up over all terms.
    struct Term {
        std::size_t lag = 0;
        float weight = 0;
    };
    class Terms {
      public:
        const Term* begin() const noexcept { return terms_.data(); }
        const Term* end() const noexcept { return terms_.data() + size_; }
        std::size_t size() const noexcept { return size_; }

      private:
        friend class Reprise;
        std::array<Term, most> terms_{};
        std::size_t size_ = 0;
    };

    explicit Reprise(SampleRate rate);

    /// How much of the past find() looks at.
    std::size_t history_length() const noexcept { return history_; }
    /// How long the last bit is that is explained.
    std::size_t window() const noexcept { return window_; }
    std::size_t min_lag() const noexcept { return min_lag_; }

    /// `history` is history_length() samples, the latest last. Writes what the terms leave of the window unexplained
    /// into `rest`, window() samples. RT-safe: about 0.3 million multiplications at 48 kHz.
    Terms find(std::span<const float> history, std::span<float> rest) noexcept;

  private:
    void compare_coarsely(std::span<const float> history) noexcept;
    std::size_t choose_peaks() noexcept;
    std::size_t refined(std::span<const float> history, std::size_t lag) const noexcept;
    void weigh(std::span<const float> history, Terms& terms) const noexcept;

    std::size_t decimation_;
    std::size_t window_;
    std::size_t history_;
    std::size_t min_lag_;
    std::vector<float> coarse_;
    std::vector<float> likeness_;  ///< by coarse lag: the share of the window's energy that it explains alone
    std::array<std::size_t, most> peaks_{};
};

}  // namespace matriz::dsp

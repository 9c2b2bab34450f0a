// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace matriz::dsp {

/// Autoregressive models of short stretches of sound, by Burg's method with a window on the prediction errors (Swingler
/// 1979: without it the frequencies of steady tones come out biased). The models are stable and
/// slightly damped. One thread; allocates in
/// the constructor only.
class Burg {
  public:
    static constexpr std::size_t order = 24;
    /// a[1…order] of A(z) = 1 + a1 z^-1 + …; a[0] is 1.
    using Coefficients = std::array<double, order + 1>;

    /// For stretches of `length` samples, more than twice the order.
    explicit Burg(std::size_t length);

    std::size_t length() const noexcept { return window_.size(); }

    /// `samples` are `length` long. RT-safe: about 12 × order × length operations.
    Coefficients fit(std::span<const float> samples) noexcept;

  private:
    std::vector<float> window_;
    std::vector<float> noise_;
    std::vector<float> forward_;
    std::vector<float> backward_;
};

}  // namespace matriz::dsp

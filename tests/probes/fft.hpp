// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace matriz::probe {

/// Complex FFT of one power-of-two size, decimation in time, tables made once. `const` calls are safe from any thread.
class Fft {
  public:
    /// Throws Error unless `size` is a power of two, at least 2.
    explicit Fft(std::size_t size);

    std::size_t size() const noexcept { return order_.size(); }
    /// In place, unscaled. `data` has size() values.
    void forward(std::span<std::complex<float>> data) const noexcept;
    /// In place, scaled by 1/size(), so that inverse(forward(x)) = x.
    void inverse(std::span<std::complex<float>> data) const noexcept;

  private:
    std::vector<std::size_t> order_;            // bit-reversed indices
    std::vector<std::complex<float>> twiddle_;  // exp(-2πi k/size), k < size/2
};

/// The smallest power of two that is at least `n`.
std::size_t power_of_two(std::size_t n) noexcept;

}  // namespace matriz::probe

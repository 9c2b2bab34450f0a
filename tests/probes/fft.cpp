// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/fft.hpp"

#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::probe {

std::size_t power_of_two(std::size_t n) noexcept { return std::bit_ceil(n); }

Fft::Fft(std::size_t size) {
    if (size < 2 || !std::has_single_bit(size))
        throw Error("an FFT of size {} is not possible: not a power of two", size);
    order_.resize(size);
    const int bits = std::countr_zero(size);
    for (std::size_t i = 0; i < size; ++i) order_[i] = (order_[i >> 1] >> 1) | ((i & 1) << (bits - 1));
    twiddle_.resize(size / 2);
    for (std::size_t k = 0; k < twiddle_.size(); ++k) {
        const double angle = -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size);
        twiddle_[k] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
    }
}

void Fft::forward(std::span<std::complex<float>> data) const noexcept {
    const std::size_t n = size();
    for (std::size_t i = 0; i < n; ++i)
        if (i < order_[i]) std::swap(data[i], data[order_[i]]);
    for (std::size_t half = 1; half < n; half *= 2) {
        const std::size_t step = n / (2 * half);
        for (std::size_t start = 0; start < n; start += 2 * half) {
            for (std::size_t k = 0; k < half; ++k) {
                const std::complex<float> w = twiddle_[k * step];
                std::complex<float>& a = data[start + k];
                std::complex<float>& b = data[start + k + half];
                // Written out: std::complex's operator* checks for infinities, which costs more than the butterfly.
                const std::complex<float> t{b.real() * w.real() - b.imag() * w.imag(),
                                            b.real() * w.imag() + b.imag() * w.real()};
                b = a - t;
                a += t;
            }
        }
    }
}

void Fft::inverse(std::span<std::complex<float>> data) const noexcept {
    const float scale = 1.0F / static_cast<float>(size());
    for (auto& value : data) value = std::conj(value);
    forward(data);
    for (auto& value : data) value = std::conj(value) * scale;
}

}  // namespace matriz::probe

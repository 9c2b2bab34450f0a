// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <random>
#include <vector>

#include "common/base/error.hpp"
#include "tests/probes/fft.hpp"

namespace matriz::probe {
namespace {

TEST(Fft, EqualsTheDefinition) {
    constexpr std::size_t n = 16;
    std::mt19937 random(1);
    std::uniform_real_distribution<float> value(-1, 1);
    std::vector<std::complex<float>> x(n);
    for (auto& v : x) v = {value(random), value(random)};
    auto y = x;
    Fft(n).forward(y);
    for (std::size_t k = 0; k < n; ++k) {
        std::complex<double> sum;
        for (std::size_t i = 0; i < n; ++i)
            sum += std::complex<double>(x[i]) *
                   std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k) / static_cast<double>(n));
        EXPECT_NEAR(std::abs(std::complex<double>(y[k]) - sum), 0, 1e-5) << k;
    }
}

TEST(Fft, InverseUndoesForward) {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> value(-1, 1);
    std::vector<std::complex<float>> x(32768);
    for (auto& v : x) v = {value(random), value(random)};
    auto y = x;
    const Fft fft(x.size());
    fft.forward(y);
    fft.inverse(y);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(std::abs(x[i] - y[i]), 0, 1e-4) << i;
}

TEST(Fft, RefusesOtherSizes) {
    EXPECT_THROW(Fft(0), Error);
    EXPECT_THROW(Fft(1), Error);
    EXPECT_THROW(Fft(48), Error);
}

}  // namespace
}  // namespace matriz::probe

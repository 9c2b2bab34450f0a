// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/burg.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace matriz::dsp {

namespace {

/// White noise 70 dB below the sound, to be added before the fit: a sound without high frequencies would otherwise make
/// coefficients so large that single precision cannot hold them.
constexpr float noise_level = 3.2e-4F;

/// Pulls the resonances inwards (0.017 dB a sample), so that small errors die away.
constexpr double damping = 0.998;

struct Sums {
    float cross = 0;
    float power = 0;
};

/// Eight running sums, which the compiler may keep in vectors: one would have to be added in order.
Sums weighted_sums(const float* forward, const float* backward, const float* weight, std::size_t count) noexcept {
    constexpr std::size_t lanes = 8;
    std::array<float, lanes> cross{};
    std::array<float, lanes> power{};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::size_t l = 0; l < lanes; ++l) {
            const float f = forward[i + l];
            const float b = backward[i + l];
            cross[l] += weight[i + l] * (f * b);
            power[l] += weight[i + l] * (f * f + b * b);
        }
    Sums sums;
    for (; i < count; ++i) {
        sums.cross += weight[i] * forward[i] * backward[i];
        sums.power += weight[i] * (forward[i] * forward[i] + backward[i] * backward[i]);
    }
    for (std::size_t l = 0; l < lanes; ++l) {
        sums.cross += cross[l];
        sums.power += power[l];
    }
    return sums;
}

/// a(z) + k z^-m a(1/z), the Levinson step from order m-1 to m.
void raise_order(Burg::Coefficients& a, std::size_t m, double k) noexcept {
    const Burg::Coefficients before = a;
    for (std::size_t i = 1; i <= m; ++i) a[i] = before[i] + k * before[m - i];
}

}  // namespace

Burg::Burg(std::size_t length) : window_(length), noise_(length), forward_(length), backward_(length) {
    std::minstd_rand random;  // NOLINT: always the same noise
    std::uniform_real_distribution<float> uniform(-std::sqrt(3.0F), std::sqrt(3.0F));
    for (float& x : noise_) x = uniform(random);
    for (std::size_t i = 0; i < length; ++i)
        window_[i] = static_cast<float>(
            0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i + 1) / static_cast<double>(length + 1)));
}

Burg::Coefficients Burg::fit(std::span<const float> samples) noexcept {
    Coefficients a{};
    a[0] = 1;
    float energy = 0;
    for (const float x : samples) energy += x * x;
    const float noise = noise_level * std::sqrt(energy / static_cast<float>(samples.size()));
    for (std::size_t i = 0; i < samples.size(); ++i) forward_[i] = backward_[i] = samples[i] + noise * noise_[i];
    // At order m forward[i] belongs with backward[i - 1]; both stay in place and the start of `forward` moves on
    // instead.
    for (std::size_t m = 1; m <= order; ++m) {
        const std::size_t count = samples.size() - m;
        float* const forward = forward_.data() + m;
        float* const backward = backward_.data();
        const Sums sums = weighted_sums(forward, backward, window_.data() + m, count);
        if (!(sums.power > 1e-20F)) break;  // silence
        const float k = std::clamp(-2.0F * sums.cross / sums.power, -0.99999F, 0.99999F);
        for (std::size_t i = 0; i < count; ++i) {
            const float f = forward[i];
            const float b = backward[i];
            forward[i] = f + k * b;
            backward[i] = b + k * f;
        }
        raise_order(a, m, static_cast<double>(k));
    }
    double damped = 1;
    for (double& coefficient : a) {
        coefficient *= damped;
        damped *= damping;
    }
    return a;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <random>
#include <span>
#include <vector>

namespace matriz::dsp::test {

/// `frames` frames of a sine, the same in each of `channels` interleaved channels.
inline std::vector<float> sine(int frames, int channels, double hz, double rate = 48000, double amplitude = 0.5) {
    std::vector<float> out(static_cast<std::size_t>(frames * channels));
    for (int i = 0; i < frames; ++i)
        for (int c = 0; c < channels; ++c)
            out[static_cast<std::size_t>(i * channels + c)] =
                static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hz * i / rate));
    return out;
}

/// One channel of an interleaved signal.
inline std::vector<float> channel(std::span<const float> signal, int which, int channels) {
    std::vector<float> out;
    for (std::size_t i = static_cast<std::size_t>(which); i < signal.size(); i += static_cast<std::size_t>(channels))
        out.push_back(signal[i]);
    return out;
}

inline double energy(std::span<const float> signal) {
    double sum = 0;
    for (const float x : signal) sum += static_cast<double>(x) * x;
    return sum;
}

/// The largest jump from one sample to the next.
inline float largest_step(std::span<const float> signal) {
    float largest = 0;
    for (std::size_t i = 1; i < signal.size(); ++i) largest = std::max(largest, std::abs(signal[i] - signal[i - 1]));
    return largest;
}

/// A plucked string: a delay line filled with noise, averaged at each turn (Karplus and Strong 1983), tuned by
/// interpolation.
inline std::vector<float> plucked_string(int frames, double hz, unsigned seed, double rate = 48000) {
    std::mt19937 random(seed);  // NOLINT: the same string each time
    std::uniform_real_distribution<double> noise(-0.4, 0.4);
    const double delay = rate / hz - 0.5;
    const auto whole = static_cast<std::size_t>(delay);
    const double part = delay - static_cast<double>(whole);
    std::vector<double> y(static_cast<std::size_t>(frames) + whole + 2);
    for (std::size_t i = 0; i < whole + 2; ++i) y[i] = noise(random);
    for (std::size_t i = whole + 2; i < y.size(); ++i) {
        const double now = (1 - part) * y[i - whole] + part * y[i - whole - 1];
        const double before = (1 - part) * y[i - whole - 1] + part * y[i - whole - 2];
        y[i] = 0.998 * 0.5 * (now + before);
    }
    return {y.end() - frames, y.end()};
}

/// Something like a vowel: pulses of a gliding pitch through four formants, louder and softer four times a second.
inline std::vector<float> voice(int frames, unsigned seed, double rate = 48000) {
    struct Formant {
        double hz, width, y1 = 0, y2 = 0;
    };
    std::array<Formant, 4> formants{{{700, 80}, {1200, 100}, {2500, 150}, {3500, 200}}};
    std::mt19937 random(seed);  // NOLINT: the same voice each time
    std::normal_distribution<double> breath(0, 0.005);
    std::vector<float> out;
    double phase = 0;
    double peak = 0;
    for (int i = 0; i < frames; ++i) {
        const double t = i / rate;
        phase += (120 + 15 * std::sin(2 * std::numbers::pi * 2 * t)) / rate;
        double x = breath(random) + (phase >= 1 ? 1 : 0);
        phase -= std::floor(phase);
        for (Formant& f : formants) {
            const double r = std::exp(-std::numbers::pi * f.width / rate);
            x += 2 * r * std::cos(2 * std::numbers::pi * f.hz / rate) * f.y1 - r * r * f.y2;
            f.y2 = f.y1;
            f.y1 = x;
        }
        out.push_back(static_cast<float>(x * (0.6 + 0.4 * std::sin(2 * std::numbers::pi * 4 * t))));
        peak = std::max(peak, std::abs(static_cast<double>(out.back())));
    }
    for (float& x : out) x *= static_cast<float>(0.5 / peak);
    return out;
}

}  // namespace matriz::dsp::test

// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/signal.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>

#include "common/base/error.hpp"

namespace matriz::probe {
namespace {

constexpr double pi = std::numbers::pi;
constexpr int slots = 10;  // hops of a chirp: prime 11 less one
constexpr double slot_seconds = 0.002;
constexpr double chirp_low_hz = 1800;
constexpr double chirp_band_hz = 650;  // of each hop
constexpr double chirp_amplitude = 0.06;
constexpr double tone_amplitude = 0.1;
constexpr double background_rms = 0.07;
constexpr double period_seconds = 0.6;
constexpr int periods = 20;

/// Primes: a slip by any usual packet or period length changes the phase of such a tone visibly.
constexpr std::array<double, variants> tone_hz{881, 773, 991, 827, 937, 1049, 719, 1093, 677, 1151};

/// A hop code by hyperbolic congruence (k / i mod 11): two different k coincide in at most two hops at any shift (Maric
/// and Titlebaum, "A class of frequency hop codes with nearly ideal characteristics…", IEEE Trans. Comm. 40(9), 1992).
int hop(int k, int i) {
    constexpr int p = slots + 1;
    int inverse = 1;
    while (inverse * i % p != 1) ++inverse;
    return k * inverse % p - 1;
}

std::vector<float> make_chirp(SampleRate rate, int variant) {
    const double hz = rate.hz;
    const auto slot = static_cast<std::size_t>(std::lround(slot_seconds * hz));
    const std::size_t edge = slot / 5;
    std::vector<float> chirp(slot * slots);
    double phase = 0;
    for (int i = 1; i <= slots; ++i) {
        const double low = chirp_low_hz + chirp_band_hz * hop(variant + 1, i);
        for (std::size_t n = 0; n < slot; ++n) {
            const double ramp = static_cast<double>(std::min(n, slot - 1 - n)) / static_cast<double>(edge);
            const double window = ramp >= 1 ? 1 : 0.5 - 0.5 * std::cos(pi * ramp);
            phase += 2 * pi * (low + chirp_band_hz * static_cast<double>(n) / static_cast<double>(slot)) / hz;
            chirp[static_cast<std::size_t>(i - 1) * slot + n] =
                static_cast<float>(chirp_amplitude * window * std::sin(phase));
        }
    }
    return chirp;
}

/// Plucked strings (Karplus and Strong, Computer Music Journal 7(2), 1983): noise in a delay line whose loop damps
/// high partials. Arpeggios of seven notes at uneven distances; damped before each new pluck of the same string.
std::vector<float> make_strings(SampleRate rate, int variant, std::size_t length) {
    if (rate.hz > 64000) {  // the loop's damping belongs to one rate: interpolate, and the strings sound the same
        const auto half = make_strings({rate.hz / 2}, variant, length / 2);
        std::vector<float> out(length);
        for (std::size_t n = 0; n < length; ++n)
            out[n] = 0.5F * (half[n / 2 % half.size()] + half[(n + 1) / 2 % half.size()]);
        return out;
    }
    std::mt19937 random(static_cast<std::uint32_t>(100 + variant));
    std::uniform_real_distribution<double> noise(-1, 1);
    constexpr std::array<double, 7> notes{110.0, 164.81, 220.0, 261.63, 329.63, 392.0, 493.88};
    std::vector<double> mix(length, 0.0);
    double start = 0;
    const double hz = rate.hz;
    for (std::size_t note = 0; start < static_cast<double>(length); ++note) {
        const double pitch = notes[(note * 3 + static_cast<std::size_t>(variant)) % notes.size()];
        std::vector<double> line(static_cast<std::size_t>(hz / pitch));
        double previous = 0;
        for (double& value : line) {  // a softened pluck: no click as loud as the glitches we look for
            previous = 0.65 * previous + 0.35 * noise(random);
            value = previous;
        }
        const auto attack = static_cast<std::size_t>(hz * 0.004);
        const auto duration = static_cast<std::size_t>(hz * 1.5);
        std::size_t head = 0;
        for (std::size_t n = 0; n < duration; ++n) {
            const double fade_in = n < attack ? static_cast<double>(n) / static_cast<double>(attack) : 1.0;
            const double fade_out = std::min(1.0, static_cast<double>(duration - n) / (hz * 0.05));
            const std::size_t next = head + 1 == line.size() ? 0 : head + 1;
            mix[(static_cast<std::size_t>(start) + n) % length] += fade_in * fade_out * line[head];
            line[head] = 0.998 * 0.5 * (line[head] + line[next]);
            head = next;
        }
        start += hz * (0.14 + 0.11 * (noise(random) + 1));
    }
    return {mix.begin(), mix.end()};
}

/// One resonance (formant) of a vocal tract.
struct Resonator {
    double y1 = 0;
    double y2 = 0;
    double run(double x, double frequency, double width, double hz) noexcept {
        const double r = std::exp(-pi * width / hz);
        const double y = (1 - r) * x + 2 * r * std::cos(2 * pi * frequency / hz) * y1 - r * r * y2;
        y2 = y1;
        y1 = y;
        return y;
    }
};

/// A voice that says nothing: glottal pulses with a wandering pitch through three moving formants, syllables with
/// fricatives and pauses between them. Two rounds, the second kept, so that the loop closes without a seam.
std::vector<float> make_speech(SampleRate rate, int variant, std::size_t length) {
    constexpr std::array<std::array<double, 3>, 5> vowels{
        {{730, 1090, 2440}, {270, 2290, 3010}, {570, 840, 2410}, {300, 870, 2240}, {530, 1840, 2480}}};
    const double hz = rate.hz;
    const auto syllable = static_cast<std::size_t>(hz * 0.24);
    const std::size_t count = length / syllable;
    std::vector<float> out(length);
    std::array<Resonator, 3> tract{};
    double phase = 0;
    for (int round = 0; round < 2; ++round) {
        std::mt19937 random(static_cast<std::uint32_t>(200 + variant));
        std::uniform_real_distribution<double> noise(-1, 1);
        for (std::size_t n = 0; n < length; ++n) {
            const std::size_t index = std::min(n / syllable, count - 1);
            const double t = static_cast<double>(n - index * syllable) / static_cast<double>(syllable);
            const auto& from = vowels[(index * 2 + static_cast<std::size_t>(variant)) % vowels.size()];
            const auto& to = vowels[(index * 2 + 2 + static_cast<std::size_t>(variant)) % vowels.size()];
            const bool pause = index % 7 == 6;
            const double voiced = pause ? 0 : std::clamp((t - 0.25) * 12, 0.0, 1.0) * std::clamp((1 - t) * 8, 0.0, 1.0);
            const double hiss = pause ? 0 : std::clamp(t * 14, 0.0, 1.0) * std::clamp((0.3 - t) * 14, 0.0, 1.0);
            phase += (115 + 25 * std::sin(2 * pi * static_cast<double>(index % 5) / 5 + t)) / hz;
            phase -= std::floor(phase);
            const double pulse = phase < 0.4 ? std::sin(pi * phase / 0.4) * std::sin(pi * phase / 0.4) : 0.0;
            const double source = voiced * (pulse - 0.2);
            double value = 0;
            for (std::size_t f = 0; f < tract.size(); ++f)
                value += tract[f].run(source, from[f] + (to[f] - from[f]) * t, 60 + 30 * static_cast<double>(f), hz);
            out[n] = static_cast<float>(value + 0.02 * hiss * noise(random));
        }
    }
    return out;
}

void scale_to_rms(std::vector<float>& samples, double rms) {
    double energy = 0;
    for (const float s : samples) energy += static_cast<double>(s) * s;
    const auto gain = static_cast<float>(rms / std::sqrt(energy / static_cast<double>(samples.size())));
    for (float& s : samples) s *= gain;
}

}  // namespace

Background parse_background(std::string_view name) {
    if (name == "chirp") return Background::none;
    if (name == "tone") return Background::tone;
    if (name == "string") return Background::string;
    if (name == "speech") return Background::speech;
    throw Error("--signal {}: not known; chirp, tone, string and speech are", name);
}

Loop make_loop(Background background, SampleRate rate, int variant) {
    if (rate.hz < 32000)
        throw Error("the probe's chirps need a sample rate of at least 32 kHz, JACK runs at {} Hz", rate.hz);
    if (variant < 0 || variant >= variants) throw Error("at most {} senders can be told apart", variants);
    Loop loop;
    loop.rate = rate;
    loop.background = background;
    loop.chirp_period = std::llround(period_seconds * rate.hz);
    const auto length = static_cast<std::size_t>(loop.chirp_period * periods);
    loop.samples.assign(length, 0.0F);
    if (background == Background::tone) {
        loop.tone_hz = tone_hz[static_cast<std::size_t>(variant)];
        for (std::size_t n = 0; n < length; ++n)
            loop.samples[n] = static_cast<float>(
                tone_amplitude * std::sin(2 * pi * std::fmod(loop.tone_hz * static_cast<double>(n) / rate.hz, 1.0)));
    } else if (background == Background::string || background == Background::speech) {
        loop.samples =
            background == Background::string ? make_strings(rate, variant, length) : make_speech(rate, variant, length);
        scale_to_rms(loop.samples, background_rms);
    }
    loop.chirp = make_chirp(rate, variant);
    for (int p = 0; p < periods; ++p)
        for (std::size_t n = 0; n < loop.chirp.size(); ++n)
            loop.samples[static_cast<std::size_t>(p * loop.chirp_period) + n] += loop.chirp[n];
    return loop;
}

}  // namespace matriz::probe

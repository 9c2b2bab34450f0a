// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::probe {

/// What sounds under the chirps.
enum class Background { none, tone, string, speech };

/// "chirp", "tone", "string" or "speech". Throws Error on anything else.
Background parse_background(std::string_view name);

/// How many senders can be told apart by their chirps.
constexpr int variants = 10;

/// The signal that one sender repeats for ever: at JACK frame time t it plays samples[t mod samples.size()]. So what
/// was sent at any time is known without recording it.
struct Loop {
    SampleRate rate;
    Background background = Background::none;
    std::vector<float> samples;     ///< chirps and background together; a whole number of chirp periods
    std::vector<float> chirp;       ///< one chirp alone, starting at every multiple of `chirp_period`
    std::int64_t chirp_period = 0;  ///< frames, 600 ms: latencies up to 500 ms are unambiguous
    double tone_hz = 0;             ///< of Background::tone, else 0

    float at(std::int64_t frame) const noexcept {
        const auto length = static_cast<std::int64_t>(samples.size());
        return samples[static_cast<std::size_t>(((frame % length) + length) % length)];
    }
};

/// The loop of sender number `variant` (0…variants-1; the chirps of different variants barely correlate).
/// Deterministic. Throws Error when the rate is below 32 kHz (the chirp's band reaches 8.3 kHz, and a codec needs room
/// above).
Loop make_loop(Background background, SampleRate rate, int variant);

}  // namespace matriz::probe

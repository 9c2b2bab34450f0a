// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "plugins/dsp/rtp/bytes.hpp"

namespace matriz::dsp {

/// One sample on the wire, big-endian. Full scale is ±1.0. RT-safe.
struct Pcm16 {
    static constexpr std::size_t size = 2;
    static float read(const std::uint8_t* at) noexcept {
        return static_cast<float>(static_cast<std::int16_t>(read_u16(at))) / 32768.0F;
    }
    static void write(std::uint8_t* at, float sample) noexcept {
        const float scaled = std::clamp(sample * 32768.0F, -32768.0F, 32767.0F);
        write_u16(at, static_cast<std::uint16_t>(std::lrint(scaled)));
    }
};

struct Pcm24 {
    static constexpr std::size_t size = 3;
    static float read(const std::uint8_t* at) noexcept {
        const std::uint32_t high = (static_cast<std::uint32_t>(read_u16(at)) << 16) | (std::uint32_t{at[2]} << 8);
        return static_cast<float>(static_cast<std::int32_t>(high) >> 8) / 8388608.0F;
    }
    static void write(std::uint8_t* at, float sample) noexcept {
        const float scaled = std::clamp(sample * 8388608.0F, -8388608.0F, 8388607.0F);
        const auto value = static_cast<std::uint32_t>(std::lrint(scaled));
        at[0] = static_cast<std::uint8_t>(value >> 16);
        write_u16(at + 1, static_cast<std::uint16_t>(value));
    }
};

struct Float32 {
    static constexpr std::size_t size = 4;
    /// What no sound card plays does not come in: infinities and NaN would stay in every filter behind.
    static constexpr float limit = 16.0F;
    static float read(const std::uint8_t* at) noexcept {
        const float sample = std::bit_cast<float>(read_u32(at));
        return std::isfinite(sample) ? std::clamp(sample, -limit, limit) : 0.0F;
    }
    static void write(std::uint8_t* at, float sample) noexcept { write_u32(at, std::bit_cast<std::uint32_t>(sample)); }
};

}  // namespace matriz::dsp

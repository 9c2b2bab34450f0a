// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace matriz::dsp {

/// Network byte order. The caller has checked the bounds. RT-safe.
constexpr std::uint16_t read_u16(const std::uint8_t* at) noexcept {
    return static_cast<std::uint16_t>((at[0] << 8) | at[1]);
}
constexpr std::uint32_t read_u32(const std::uint8_t* at) noexcept {
    return (static_cast<std::uint32_t>(read_u16(at)) << 16) | read_u16(at + 2);
}
constexpr void write_u16(std::uint8_t* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
constexpr void write_u32(std::uint8_t* at, std::uint32_t value) noexcept {
    write_u16(at, static_cast<std::uint16_t>(value >> 16));
    write_u16(at + 2, static_cast<std::uint16_t>(value));
}

}  // namespace matriz::dsp

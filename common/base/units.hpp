// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace matriz {

/// A count of audio frames: one sample of every channel.
struct Frames {
    std::int64_t count = 0;
    auto operator<=>(const Frames&) const = default;
    constexpr Frames operator+(Frames other) const noexcept { return {count + other.count}; }
    constexpr Frames operator-(Frames other) const noexcept { return {count - other.count}; }
};

/// Frames per second.
struct SampleRate {
    std::uint32_t hz = 0;
    auto operator<=>(const SampleRate&) const = default;
};

constexpr std::chrono::nanoseconds duration(Frames frames, SampleRate rate) noexcept {
    return std::chrono::nanoseconds{frames.count * 1'000'000'000 / static_cast<std::int64_t>(rate.hz)};
}

/// RTP sequence number (RFC 3550, 5.1): 16 bits that wrap.
struct SeqNo {
    std::uint16_t value = 0;
    bool operator==(const SeqNo&) const = default;
    constexpr SeqNo operator+(int n) const noexcept { return {static_cast<std::uint16_t>(value + n)}; }
};
/// How far `a` is ahead of `b`, in -32768…32767, through the wrap.
constexpr int distance(SeqNo a, SeqNo b) noexcept {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(a.value - b.value));
}

/// RTP timestamp (RFC 3550, 5.1): 32 bits that wrap, in units of the payload's clock rate.
struct RtpTime {
    std::uint32_t value = 0;
    bool operator==(const RtpTime&) const = default;
};
/// How far `a` is ahead of `b`, in RTP ticks, through the wrap.
constexpr std::int32_t distance(RtpTime a, RtpTime b) noexcept { return static_cast<std::int32_t>(a.value - b.value); }

}  // namespace matriz

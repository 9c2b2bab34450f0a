// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Signs of life over the data channel, and what they tell of the way and of the other's clock. Pure; one thread.
namespace matriz::webrtc {

using Nanoseconds = std::chrono::nanoseconds;

/// One ping. Every ping answers the last one that came from the other, so that none needs a reply of its own: sent
/// twice a second by both sides, unordered and never repeated. 34 bytes on the wire: version, kind, then in network
/// order the number, the three times and the capture's latency.
struct Ping {
    std::uint32_t number = 0;     ///< counts up from 1
    Nanoseconds sent{};           ///< by the sender's monotonic clock
    Nanoseconds heard_sent{};     ///< `sent` of the other's last ping; 0: none has come yet
    Nanoseconds heard_at{};       ///< when that came, by the sender's clock
    std::int32_t capture_us = 0;  ///< from the sender's JACK port to its network: see capture_latency()
    bool operator==(const Ping&) const = default;
};

inline constexpr std::size_t ping_size = 34;
inline constexpr std::int32_t most_capture_us = 10'000'000;  ///< either way; more is taken for so much
using PingBytes = std::array<std::uint8_t, ping_size>;

PingBytes encode(const Ping& ping);
/// Nothing for what is no ping that this version knows.
std::optional<Ping> decode_ping(std::span<const std::uint8_t> bytes);

/// Makes our pings and learns from the other's: the way there and back, and the difference of the clocks, as NTP does
/// (RFC 5905, section 8), from the ping of the last seconds that was delayed least.
class PingClock {
  public:
    Ping next(Nanoseconds now, std::int32_t capture_us);
    /// A ping came at `now`. False when it is older than one that was there, or impossible.
    bool take(const Ping& ping, Nanoseconds now);

    struct Estimate {
        Nanoseconds round_trip{};
        Nanoseconds offset{};  ///< the other's clock minus ours
    };
    /// Nothing until there and back has been measured.
    std::optional<Estimate> estimate() const;
    std::int32_t peer_capture_us() const noexcept { return peer_capture_us_; }

    static constexpr std::size_t window = 16;           ///< pings, 8 s
    static constexpr std::chrono::seconds longest{30};  ///< a round trip beyond it is none

  private:
    std::uint32_t number_ = 0;
    std::uint32_t heard_number_ = 0;
    Nanoseconds heard_sent_{};
    Nanoseconds heard_at_{};
    std::int32_t peer_capture_us_ = 0;
    std::vector<Estimate> recent_;  ///< a ring
    std::size_t at_ = 0;
};

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/ping.hpp"

#include <algorithm>

namespace matriz::webrtc {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t kind_ping = 'p';

void put(std::uint8_t*& to, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *to++ = static_cast<std::uint8_t>(value >> shift);
}

std::uint64_t get(const std::uint8_t*& from, int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | *from++;
    return value;
}

Nanoseconds get_time(const std::uint8_t*& from) { return Nanoseconds{static_cast<std::int64_t>(get(from, 8))}; }

}  // namespace

PingBytes encode(const Ping& ping) {
    PingBytes bytes{version, kind_ping};
    std::uint8_t* to = bytes.data() + 2;
    put(to, ping.number, 4);
    for (const Nanoseconds time : {ping.sent, ping.heard_sent, ping.heard_at})
        put(to, static_cast<std::uint64_t>(time.count()), 8);
    put(to, static_cast<std::uint32_t>(ping.capture_us), 4);
    return bytes;
}

std::optional<Ping> decode_ping(std::span<const std::uint8_t> bytes) {
    // A later version may append to it.
    if (bytes.size() < ping_size || bytes[0] != version || bytes[1] != kind_ping) return std::nullopt;
    const std::uint8_t* from = bytes.data() + 2;
    Ping ping;
    ping.number = static_cast<std::uint32_t>(get(from, 4));
    ping.sent = get_time(from);
    ping.heard_sent = get_time(from);
    ping.heard_at = get_time(from);
    ping.capture_us = static_cast<std::int32_t>(get(from, 4));
    return ping;
}

Ping PingClock::next(Nanoseconds now, std::int32_t capture_us) {
    return {
        .number = ++number_, .sent = now, .heard_sent = heard_sent_, .heard_at = heard_at_, .capture_us = capture_us};
}

bool PingClock::take(const Ping& ping, Nanoseconds now) {
    // Far from any clock that counts from a machine's start; four of them, summed up below, do not overflow.
    constexpr std::chrono::hours age_of_everything{24 * 365 * 70};
    const auto impossible = [&](Nanoseconds time) { return time < Nanoseconds{0} || time > age_of_everything; };
    if (impossible(ping.sent) || impossible(ping.heard_sent) || impossible(ping.heard_at)) return false;
    if (ping.number <= heard_number_) return false;
    heard_number_ = ping.number;
    heard_sent_ = ping.sent;
    heard_at_ = now;
    peer_capture_us_ = std::clamp(ping.capture_us, -most_capture_us, most_capture_us);
    if (ping.heard_sent == Nanoseconds{0}) return true;
    const Nanoseconds there = ping.heard_at - ping.heard_sent;  // t2 - t1
    const Nanoseconds back = now - ping.sent;                   // t4 - t3
    const Estimate estimate{.round_trip = there + back, .offset = (there - back) / 2};
    if (estimate.round_trip < Nanoseconds{0} || estimate.round_trip > longest) return true;
    if (recent_.size() < window)
        recent_.push_back(estimate);
    else
        recent_[at_] = estimate;
    at_ = (at_ + 1) % window;
    return true;
}

std::optional<PingClock::Estimate> PingClock::estimate() const {
    const auto best = std::min_element(recent_.begin(), recent_.end(), [](const Estimate& a, const Estimate& b) {
        return a.round_trip < b.round_trip;
    });
    if (best == recent_.end()) return std::nullopt;
    return *best;
}

}  // namespace matriz::webrtc

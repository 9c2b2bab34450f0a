// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "configserver/net/address.hpp"

namespace matriz::net {

/// A token bucket for each address (an IPv6 client's whole /64), full as long as nothing was spent. Bounded memory:
/// when there are too many addresses at once, those that have spent least are forgotten, never all; until there is
/// room again newcomers are not counted. Pure; one thread.
class AddressBuckets {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t max_size = 100'000;

    /// Earns `rate` a second, saves up to `burst`.
    AddressBuckets(double rate, double burst) : rate_(rate), burst_(burst) {}
    void set(double rate, double burst) noexcept {
        rate_ = rate;
        burst_ = burst;
    }
    double left(const IpAddress& address, Clock::time_point now) const;
    /// One token; what is spent beyond nothing is earned back first.
    void spend(const IpAddress& address, Clock::time_point now);
    std::size_t size() const noexcept { return buckets_.size(); }

  private:
    struct Bucket {
        double tokens;
        Clock::time_point at;
    };
    double refilled(const Bucket& bucket, Clock::time_point now) const;
    void forget(Clock::time_point now);

    double rate_;
    double burst_;
    Clock::time_point forgot_at_{};
    std::unordered_map<IpAddress, Bucket> buckets_;
};

}  // namespace matriz::net

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <unordered_map>

#include "configserver/net/address.hpp"

namespace matriz::auth {

/// Counts wrong keys for each address and says when one must wait. Bounded memory. Pure; one thread.
class Attempts {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Attempts(int per_minute) : per_minute_(per_minute) {}
    void set_limit(int per_minute) { per_minute_ = per_minute; }
    bool may_try(const net::IpAddress& address, Clock::time_point now);
    void failed(const net::IpAddress& address, Clock::time_point now);

  private:
    struct Bucket {
        double tokens;
        Clock::time_point at;
    };
    Bucket refill(const Bucket& bucket, Clock::time_point now) const;
    void forget_old(Clock::time_point now);

    int per_minute_;
    std::unordered_map<net::IpAddress, Bucket> buckets_;  ///< of those that failed lately
};

}  // namespace matriz::auth

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "configserver/net/address_buckets.hpp"

namespace matriz::auth {

/// Counts wrong keys for each address and says when one must wait. Bounded memory. Pure; one thread.
class Attempts {
  public:
    using Clock = net::AddressBuckets::Clock;

    explicit Attempts(int per_minute) : buckets_(per_minute / 60.0, per_minute) {}
    void set_limit(int per_minute) { buckets_.set(per_minute / 60.0, per_minute); }
    bool may_try(const net::IpAddress& address, Clock::time_point now) const {
        return buckets_.left(address, now) >= 1;
    }
    /// Below nothing, too: while a hash is computed others may try, and what turns out wrong beyond the limit is waited
    /// for afterwards.
    void failed(const net::IpAddress& address, Clock::time_point now) { buckets_.spend(address, now); }
    /// Addresses that failed lately.
    std::size_t size() const noexcept { return buckets_.size(); }

  private:
    net::AddressBuckets buckets_;
};

}  // namespace matriz::auth

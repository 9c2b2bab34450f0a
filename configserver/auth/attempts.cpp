// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/attempts.hpp"

#include <algorithm>
#include <iterator>

namespace matriz::auth {
namespace {

constexpr std::size_t max_buckets = 100'000;

}  // namespace

Attempts::Bucket Attempts::refill(const Bucket& bucket, Clock::time_point now) const {
    const std::chrono::duration<double> passed = now - bucket.at;
    return {std::min<double>(per_minute_, bucket.tokens + passed.count() * per_minute_ / 60), now};
}

bool Attempts::may_try(const net::IpAddress& address, Clock::time_point now) {
    const auto found = buckets_.find(address.limit_group());
    return found == buckets_.end() || refill(found->second, now).tokens >= 1;
}

void Attempts::failed(const net::IpAddress& address, Clock::time_point now) {
    if (buckets_.size() >= max_buckets) forget_old(now);
    auto [found, fresh] = buckets_.try_emplace(address.limit_group(), Bucket{static_cast<double>(per_minute_), now});
    found->second = refill(found->second, now);
    // Below nothing, too: while a hash is computed others may try, and what turns out wrong beyond the limit is waited
    // for afterwards.
    found->second.tokens -= 1;
}

void Attempts::forget_old(Clock::time_point now) {
    std::erase_if(buckets_, [&](const auto& entry) { return refill(entry.second, now).tokens >= per_minute_; });
    // All of them fresh: a flood from everywhere. Starting over costs less than growing without end.
    if (buckets_.size() >= max_buckets) buckets_.clear();
}

}  // namespace matriz::auth

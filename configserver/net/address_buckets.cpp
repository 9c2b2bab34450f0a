// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/address_buckets.hpp"

#include <algorithm>
#include <vector>

namespace matriz::net {
namespace {

/// Looking through all of them takes some milliseconds.
constexpr auto forget_interval = std::chrono::seconds(1);
/// How many may stay when they are looked through.
constexpr std::size_t kept = AddressBuckets::max_size / 2;

}  // namespace

double AddressBuckets::refilled(const Bucket& bucket, Clock::time_point now) const {
    const std::chrono::duration<double> passed = now - bucket.at;
    return std::min(burst_, bucket.tokens + passed.count() * rate_);
}

double AddressBuckets::left(const IpAddress& address, Clock::time_point now) const {
    const auto found = buckets_.find(address.limit_group());
    return found == buckets_.end() ? burst_ : refilled(found->second, now);
}

void AddressBuckets::spend(const IpAddress& address, Clock::time_point now) {
    const IpAddress group = address.limit_group();
    auto found = buckets_.find(group);
    if (found == buckets_.end()) {
        if (buckets_.size() >= max_size) forget(now);
        if (buckets_.size() >= max_size) return;
        found = buckets_.emplace(group, Bucket{burst_, now}).first;
    }
    found->second = {refilled(found->second, now) - 1, now};
}

void AddressBuckets::forget(Clock::time_point now) {
    if (now - forgot_at_ < forget_interval) return;
    forgot_at_ = now;
    std::erase_if(buckets_, [&](const auto& entry) { return refilled(entry.second, now) >= burst_; });
    if (buckets_.size() <= kept) return;
    std::vector<double> levels;
    levels.reserve(buckets_.size());
    for (const auto& [address, bucket] : buckets_) levels.push_back(refilled(bucket, now));
    const auto last_kept = levels.begin() + kept;
    std::nth_element(levels.begin(), last_kept, levels.end());
    // Those below have spent more and stay; of those that have spent just as much as many as there is room for.
    std::size_t room = kept - static_cast<std::size_t>(std::count_if(levels.begin(), levels.end(),
                                                                     [&](double level) { return level < *last_kept; }));
    std::erase_if(buckets_, [&](const auto& entry) {
        const double level = refilled(entry.second, now);
        if (level != *last_kept || room == 0) return level >= *last_kept;
        --room;
        return false;
    });
}

}  // namespace matriz::net

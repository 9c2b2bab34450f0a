// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

#include "tests/bench/netlab/conditions.hpp"

namespace matriz::netlab {

/// When a packet leaves: never (count 0), once, or twice.
struct Departures {
    std::array<Time, 2> at{};
    std::size_t count = 0;
};

/// Counted since the start.
struct ImpairmentCounts {
    std::uint64_t offered = 0;
    std::uint64_t lost = 0;     ///< by chance
    std::uint64_t dropped = 0;  ///< by the rate limit's full queue
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
};

/// The model of one direction: packet in at a time, times of departure out. No clock, no I/O: the same seed and the
/// same packets give the same departures. Packets keep their order, as on one path through real queues, unless
/// reordering is asked for. One thread.
class Impairment {
  public:
    Impairment(const Conditions& conditions, std::uint64_t seed);

    /// From the next packet on.
    void change(const Conditions& conditions);
    const Conditions& conditions() const noexcept { return conditions_; }

    /// A packet of `bytes` enters at `now`; calls never go back in time.
    Departures offer(Time now, std::size_t bytes);
    const ImpairmentCounts& counts() const noexcept { return counts_; }

  private:
    bool lose();
    Duration jitter(Time now);
    Duration exponential(Duration mean);
    bool chance(double probability);
    double uniform();

    Conditions conditions_;
    std::mt19937_64 random_;
    ImpairmentCounts counts_;
    bool in_burst_ = false;
    Time last_departure_{0};  // of those that keep the order
    Time link_free_{0};       // when the rate limit has sent all that is queued
};

}  // namespace matriz::netlab

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>

namespace matriz::dsp {

/// The distribution of packets' lateness over the last 14 to 16 seconds, as a histogram a block of two seconds.
/// One thread; RT-safe.
class JitterWindow {
  public:
    static constexpr double finest = 50e-6;  ///< seconds
    static constexpr int bins = 4096;        ///< 205 ms of the finest; what lies beyond the last counts as that
    static constexpr int blocks = 8;
    static constexpr double block_length = 2.0;

    /// `longest`: the lateness, in seconds, up to which it shall tell them apart; above 0.2 in coarser steps.
    explicit JitterWindow(double longest = 0.2) noexcept;

    void clear() noexcept;
    /// A packet that came at `now`, `lateness` seconds late; less than 0 counts as 0.
    void add(double now, double lateness) noexcept;
    /// Call once a period, `now` in seconds: forgets the oldest block when its time is over.
    void advance(double now) noexcept;
    /// What came since `since` turns out to be `by` seconds less late than was thought. No more than the last 1024
    /// packets are set right, so the work of a call is bounded.
    void ease(double since, double by) noexcept;

    /// The lateness, in seconds, that no more than `share` of the packets exceed (the upper edge of its bin).
    double exceeded_by(double share) const noexcept;
    /// How many packets were later than that.
    std::uint32_t above(double lateness) const noexcept;
    std::uint32_t count() const noexcept { return total_; }

    struct Costs {
        double wait;           ///< of a second of waiting, in packets (in all the window), from `dear_from` on…
        double dear_from;      ///< …and less by the square of the wait below that; seconds, above 0
        double packet_length;  ///< seconds: who is later by less is heard in part, and costs a part
    };
    /// The lateness to wait for so that the sum of what the wait costs and what is missed of packets that come later
    /// still is least. `besides`: seconds that are waited anyway.
    double worth_waiting_for(const Costs& costs, double besides) const noexcept;
    /// Seconds that the window covers at `now`.
    double span(double now) const noexcept;

  private:
    using Histogram = std::array<std::uint16_t, bins>;
    struct Entry {
        double at = -1e9;
        std::uint16_t bin = 0;
        std::uint16_t block = 0;
    };
    static constexpr std::size_t remembered = 1024;
    void drop(int block) noexcept;
    void lower_highest() noexcept;

    const double bin_;  ///< width of one, seconds
    std::array<Histogram, blocks> histograms_{};
    std::array<std::uint32_t, bins> sum_{};
    std::array<std::uint32_t, blocks> counts_{};
    std::uint32_t total_ = 0;
    int current_ = 0;
    int highest_ = 0;                          ///< no bin above it is filled
    std::array<Entry, remembered> entries_{};  ///< a ring: where the latest packets were put
    std::size_t next_entry_ = 0;
    double block_start_ = 0;
    int filled_blocks_ = 0;  ///< besides the current one, since clear()
};

}  // namespace matriz::dsp

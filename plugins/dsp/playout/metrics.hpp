// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace matriz::dsp {

/// What a playout can say about itself at one moment. Counters only grow; delays are in milliseconds.
struct PlayoutMetrics {
    double target_ms = 0;     ///< the delay aimed at, from an undelayed packet's arrival to render()
    double delay_ms = 0;      ///< the delay there is
    double jitter_ms = 0;     ///< how much later than the fastest the slow packets arrive (the percentile in use)
    double drift_ppm = 0;     ///< sender's clock against the output's; positive: the sender is faster
    double level_peak = 0;    ///< of the last render() calls, decaying; 1.0 is full scale
    double level_rms = 0;     ///< over about 300 ms
    double concealed_ms = 0;  ///< sound that had to be made up, in all

    std::uint64_t received = 0;    ///< packets that belong to the stream, copies of RED not counted
    std::uint64_t lost = 0;        ///< never there when needed, not restored, not late (so far)
    std::uint64_t late = 0;        ///< there after their time
    std::uint64_t duplicates = 0;  ///< there twice
    std::uint64_t reordered = 0;   ///< overtaken by a later one, yet in time
    std::uint64_t recovered = 0;   ///< lost or late, but played from a redundant copy
    std::uint64_t concealed = 0;   ///< gaps that concealment filled
    std::uint64_t malformed = 0;   ///< no RTP, wrong type, undecodable
    std::uint64_t overflows = 0;   ///< dropped since nothing was free: a flood, or an audio thread that stands still
    std::uint64_t restarts = 0;    ///< the sender began anew (or another one took its place)
    std::uint64_t jumps = 0;       ///< delay changed at once rather than by resampling
    std::uint64_t stray = 0;       ///< packets of another source while this one plays
    bool playing = false;          ///< sound has arrived within the last quarter of a second
};

/// The same, written by the audio (and one network) thread and read by any: each field stands for itself, so a reader
/// never holds up a writer.
class MetricsBoard {
  public:
    enum Gauge { target_ms, delay_ms, jitter_ms, drift_ppm, level_peak, level_rms, concealed_ms, playing, gauges };
    enum Counter {
        received,
        lost,
        late,
        duplicates,
        reordered,
        recovered,
        concealed,
        malformed,
        overflows,
        restarts,
        jumps,
        stray,
        counters
    };

    /// RT-safe.
    void set(Gauge gauge, double value) noexcept { gauges_[gauge].store(value, std::memory_order_relaxed); }
    double get(Gauge gauge) const noexcept { return gauges_[gauge].load(std::memory_order_relaxed); }
    /// RT-safe. May be negative: what seemed lost turns out to be late.
    void add(Counter counter, std::int64_t n = 1) noexcept {
        counters_[counter].fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
    }
    std::uint64_t get(Counter counter) const noexcept { return counters_[counter].load(std::memory_order_relaxed); }

    /// Any thread.
    PlayoutMetrics snapshot() const noexcept;

  private:
    std::array<std::atomic<double>, gauges> gauges_{};
    std::array<std::atomic<std::uint64_t>, counters> counters_{};
};

}  // namespace matriz::dsp

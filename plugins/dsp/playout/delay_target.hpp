// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plugins/dsp/playout/jitter_window.hpp"

namespace matriz::dsp {

/// Decides how long packets wait before they are played. The long view weighs, over the last quarter of a minute, each
/// moment of delay against the gaps that it spares: a few outliers are not worth a wait, a broad tail is; packets that
/// come after their time raise the target at once. One thread; RT-safe. Times in seconds.
class DelayTarget {
  public:
    /// `longest`: the delay, in seconds, that it may come to ask for.
    explicit DelayTarget(double longest = 0.2) noexcept : found_(longest), lateness_(longest) {}

    /// Nothing is known any more but the jitter of before (the sender restarted on the same path).
    void restart(double now) noexcept;
    /// Nor that: the first packets had been held up somewhere and tell nothing of the path.
    void forget(double now) noexcept;

    struct Arrival {
        double at = 0;              ///< device time
        double lateness = 0;        ///< against an undelayed packet
        double since_callback = 0;  ///< how long after the last callback that could not see it yet
    };
    /// A packet came. `missed`: its time was over.
    void add(const Arrival& arrival, bool missed) noexcept;
    /// The device has just lost sound: what seems late these days is its own fault.
    void excuse(double now) noexcept;
    /// The reference for lateness moved up (DriftLoop::advance): what came since `since` was `by` seconds less late
    /// than it seemed. What came before was measured against the reference that was right then. So it is when the
    /// reference moves down, which therefore is nothing to be told here.
    void ease(double since, double by) noexcept;

    struct Bounds {
        double min = 0;
        double max = 0.2;
        double gap_price = 1;  ///< PlayoutConfig::gap_price
    };
    /// Call once a period, with its length and the resampler's lookahead: even without jitter the delay cannot be
    /// shorter than both. Returns the target.
    double update(double now, double period, double lookahead, const Bounds& bounds) noexcept;

    /// Whether an attack, this packet included, asks for a delay with which it would not have been late.
    bool would_wait_for(const Arrival& arrival) noexcept;

    /// How long a packet is; 2.5 ms until told.
    void set_packet_length(double seconds) noexcept { packet_length_ = seconds; }

    /// How much later than the fastest the packets come that are worth waiting for.
    double jitter() const noexcept { return jitter_; }

  private:
    double attack(double now) noexcept;
    void stand_down() noexcept;
    void miss(const Arrival& arrival) noexcept;
    void look(double now, double gap_price) noexcept;

    // When a packet becomes audible depends on the callback that finds it. `found_` holds each packet's lateness as
    // that callback sees it: as if it had come at the callback before, plus a period. Its percentile is exact, but
    // rests on how the callbacks lie among the packets; when two clocks drift slowly that changes for all packets at
    // once. `lateness_`, without the callbacks, says what most packets need however they lie.
    JitterWindow found_;
    JitterWindow lateness_;
    double period_ = 0;
    double least_ = 0;    ///< period, lookahead and a guard
    double longest_ = 0;  ///< Bounds::max
    double packet_length_ = 0.0025;
    double need_ = 0;  ///< beyond period and lookahead
    double started_ = 0;
    double jitter_ = 0;
    double next_look_ = 0;

    /// Packets that missed their time for one reason: what was held up in one place comes all at once.
    struct Incident {
        double at = -1e9;
        double lateness = 0;  ///< of the latest
        int packets = 0;
        bool unheard_of = false;  ///< nothing in the long view comes near it
    };
    static constexpr int incidents = 12;
    Incident recent_[incidents];  ///< a ring
    int last_incident_ = 0;
    double last_miss_ = -1e9;
    double known_ = 0;     ///< the greatest lateness of the long view, some moments ago
    double accepted_ = 0;  ///< late packets that the long view puts up with…
    double seen_ = 1;      ///< …in so many seconds
    double held_ = 0;      ///< what the attack asks for
    double held_until_ = 0;
    double held_since_ = 0;
    double onset_until_ = -1e9;  ///< what comes later than what is held makes it more
    double held_at_ = 0;         ///< when it was raised last
    double excused_until_ = -1e9;
};

}  // namespace matriz::dsp

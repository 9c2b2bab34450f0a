// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/playout/delay_target.hpp"
#include "plugins/dsp/playout/drift_loop.hpp"
#include "plugins/dsp/playout/local_clock.hpp"
#include "plugins/dsp/playout/metrics.hpp"
#include "plugins/dsp/playout/packet_pool.hpp"
#include "plugins/dsp/playout/slots.hpp"
#include "plugins/dsp/playout/source_filter.hpp"

namespace matriz::dsp {

/// The audio thread's side of the packets' way in: takes them out of the pool, decides whether they belong to the
/// stream, puts them into slots and learns from their arrival times what the sender's clock and the network do.
/// RT-safe.
class Reception {
  public:
    /// All referred to must outlive this. `max_frames`: packets that hold more are malformed. `max_delay`: in seconds.
    Reception(PacketPool& pool, Decoder& decoder, SampleRate rate, int max_frames, double max_delay,
              MetricsBoard& metrics)
        : pool_(pool),
          decoder_(decoder),
          rate_(rate.hz),
          max_frames_(max_frames),
          metrics_(metrics),
          slots_(pool, pool.capacity()),
          target_(max_delay) {}

    struct Drained {
        bool restarted = false;      ///< a new stream began: positions of the old one mean nothing any more
        std::int64_t play_from = 0;  ///< `played_to`, or before it: go back to there, what was late is to be heard
    };
    /// Takes in what has come. `played_to`: frames before that position have been played; from `even_from` on without a
    /// jump or a halt.
    Drained drain(const LocalClock& clock, std::int64_t played_to, std::int64_t even_from) noexcept;

    /// The device has lost `lost` seconds, which count as passed.
    void interrupted(double now, double lost) noexcept {
        target_.excuse(now);
        drift_.expect(now, lost);
    }

    bool started() const noexcept { return started_; }
    /// RTP time, in frames, of what an undelayed packet arriving at device time `now` would begin with.
    double edge(double now) const noexcept { return (now - drift_.transit(now)) * rate_; }

    Slots& slots() noexcept { return slots_; }
    const DriftLoop& drift() const noexcept { return drift_; }
    DelayTarget& target() noexcept { return target_; }

  private:
    bool take_in(PacketPool::Index index, const LocalClock& clock) noexcept;
    void take_primary(const Slots::Slot& packet, const DelayTarget::Arrival& arrival) noexcept;
    void take_copy(Slots::Slot packet, std::int64_t carrier, const DelayTarget::Arrival& arrival) noexcept;
    Slots::Insertion insert(const Slots::Slot& packet, bool copy) noexcept;
    std::optional<std::int64_t> sequence_of_copy(std::int64_t carrier, const Slots::Slot& copy) const noexcept;
    void begin(const PacketCell& cell, double now) noexcept;

    PacketPool& pool_;
    Decoder& decoder_;
    double rate_;
    int max_frames_;
    MetricsBoard& metrics_;
    Slots slots_;
    SourceFilter filter_;
    DriftLoop drift_;
    DelayTarget target_;

    bool started_ = false;
    double started_at_ = 0;  ///< device time
    std::uint32_t ssrc_ = 0;
    RtpTime last_time_{};  ///< the reference for extending timestamps, with the position it stands for
    std::int64_t last_position_ = 0;
    std::int64_t played_to_ = 0;  ///< drain()'s
    std::int64_t even_from_ = 0;  ///< drain()'s
    int catching_up_ = 0;         ///< frames that this callback may still decode in vain
};

}  // namespace matriz::dsp

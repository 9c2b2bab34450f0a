// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>

namespace matriz::dsp {

/// Follows the sender's clock through the packets that the network did not hold up. For each packet the transit is
/// arrival (device time) minus RTP time, both in seconds; its lower envelope moves only with the two clocks' drift (and
/// when the route changes). The minimum of each block of packets feeds a two-state Kalman filter: offset and drift.
/// (The idea of NTP's clock filter, RFC 5905, section 10, with a line instead of a point.) One thread; RT-safe.
class DriftLoop {
  public:
    /// Starts again at the transit `transit` measured at `now`; what is known of the drift is kept.
    void restart(double now, double transit) noexcept;

    /// One packet. `now` never decreases by more than the reordering of packets.
    void add(double now, double transit) noexcept;

    /// The device has lost `lost` seconds itself, and counts them. Where the sender runs on the same device it lost
    /// them too: packets that soon become as much later are believed sooner.
    void expect(double now, double lost) noexcept;

    struct Step {
        double by = 0;     ///< seconds, 0 in most calls; positive: packets take longer now
        double since = 0;  ///< device time: what came from then on was measured against the old envelope
    };
    /// Call once a period: closes blocks. Returns how far the envelope was moved at once: the route changed, or the
    /// sender lost sound.
    Step advance(double now) noexcept;

    /// The transit of an undelayed packet that arrives at `now`.
    double transit(double now) const noexcept { return offset_ + drift_ * (now - reference_); }
    /// Sender's clock against the device's: +1e-6 is a sender that is 1 ppm fast.
    double drift() const noexcept { return -drift_; }

  private:
    /// Packets of a short time, and how far they came after what the envelope foretold.
    struct Slice {
        double since = 0;  ///< device time
        double least = 0;
        double sum = 0;
        int count = 0;
        void add(double now, double above) noexcept;
    };
    static constexpr std::size_t slices = 8;

    double block_length() const noexcept;
    double deviation() const noexcept;
    void predict(double now) noexcept;
    void correct(double innovation, double noise) noexcept;
    Step move(double by, double since) noexcept;
    Slice last_slices() const noexcept;
    Step climb(double now) noexcept;
    Step follow_device(double now) noexcept;

    double reference_ = 0;                      ///< device time of offset_
    double offset_ = 0;                         ///< seconds
    double drift_ = 0;                          ///< of the transit, seconds a second: negative when the sender is fast
    double p_oo_ = 0, p_od_ = 0, p_dd_ = 9e-8;  ///< covariance; at first ±300 ppm
    double started_ = 0;

    double block_start_ = 0;
    double block_min_ = 0;  ///< lowest transit of the block, less the prediction at its time
    double block_at_ = 0;
    int block_count_ = 0;

    double noise_ = 4e-10;  ///< variance of a block's minimum, learnt
    int strange_blocks_ = 0;
    double strange_since_ = 0;

    std::array<Slice, slices> slices_{};  ///< a ring
    std::size_t slice_ = 0;               ///< the one that grows
    double spread_ = -1;         ///< how far packets usually come after the least of so many; -1: not known yet
    double lift_ = 0;            ///< how far the least may be above the envelope by chance
    double climb_ = 0;           ///< the last step that so many brought…
    double climbed_at_ = -1e9;   ///< …and when that was
    double expected_ = 0;        ///< a step that the sender may have made with the device…
    double expected_until_ = 0;  ///< …if it shows until then
    Slice as_expected_;          ///< packets in a row that are so much later
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/playout/config.hpp"
#include "plugins/dsp/playout/local_clock.hpp"
#include "plugins/dsp/playout/metrics.hpp"
#include "plugins/dsp/playout/packet_pool.hpp"
#include "plugins/dsp/playout/reception.hpp"
#include "plugins/dsp/playout/resampler.hpp"

namespace matriz::dsp {

/// The receiving end of one stream: RTP packets in as they come, sound out as the device wants it, with the least delay
/// that the packets' jitter allows. One thread pushes, one renders, any reads the metrics.
///
/// A position is an RTP time extended to 64 bits. The stream is a line of positions; packets lie on it, and the output
/// reads it at a speed that holds the wanted delay. Where nothing lies, the decoder's concealment goes on.
class Playout {
  public:
    /// Allocates all it will ever need. Throws Error when the format or the rates cannot be played.
    Playout(const StreamFormat& format, const PlayoutConfig& config);
    Playout(const Playout&) = delete;
    Playout& operator=(const Playout&) = delete;

    /// A packet came at `arrival` (monotonic clock). Anything may be in it. One network thread; wait-free.
    void push(std::span<const std::uint8_t> rtp_packet, std::chrono::nanoseconds arrival) noexcept;

    /// Writes `frames` frames into each of `output_channels` buffers. `now`: when this period began, on the clock of
    /// push(); `report`: what the device says of the time before, if it can tell. One audio thread; RT-safe.
    void render(float* const* out, int frames, std::chrono::nanoseconds now,
                const std::optional<DeviceReport>& report = std::nullopt) noexcept;

    /// Any thread; never holds up the others.
    PlayoutMetrics metrics() const noexcept { return metrics_.snapshot(); }

    /// New bounds for the delay target. Any thread.
    void set_delay_bounds(std::chrono::microseconds min, std::chrono::microseconds max) noexcept;

    const StreamFormat& format() const noexcept { return format_; }
    const PlayoutConfig& config() const noexcept { return config_; }

  private:
    void submit(const PacketCell& header, std::span<const std::uint8_t> payload, bool redundant) noexcept;

    void start_over(double now, int period) noexcept;
    void steer(double now, int period) noexcept;
    void jump(double frames) noexcept;
    double position() const noexcept;
    double update_target(double now, int period) noexcept;
    void fill(float* const* out, int offset, int frames) noexcept;
    void refill(int wanted) noexcept;
    void play(const Slots::Slot& slot) noexcept;
    void conceal(int frames) noexcept;
    void make_concealment(float* out, int frames) noexcept;
    void measure(int frames) noexcept;

    const StreamFormat format_;
    const PlayoutConfig config_;
    std::unique_ptr<Decoder> decoder_;
    PacketPool pool_;
    MetricsBoard metrics_;
    std::atomic<std::int64_t> min_delay_us_;
    std::atomic<std::int64_t> max_delay_us_;

    static constexpr double never = 1e18;

    /// Touched by the audio thread only.
    struct Rt {
        Rt(const StreamFormat& format, const PlayoutConfig& config, PacketPool& pool, Decoder& decoder,
           MetricsBoard& metrics);

        LocalClock clock;
        Reception reception;
        Resampler resampler;
        std::vector<float> stage;    ///< decoded, not yet resampled; interleaved
        std::vector<float> mixed;    ///< resampled; interleaved
        int stage_at = 0;            ///< frames of the stage that are used up
        int stage_end = 0;           ///< frames in it
        std::int64_t next = 0;       ///< position of the first frame after the stage
        std::int64_t even_from = 0;  ///< since that position every frame was decoded or concealed in its turn
        int packet_frames = 0;       ///< in the last packet played
        bool joint_due = true;       ///< the next packet does not continue what was heard before it
        bool silent = true;          ///< concealment has faded out, or nothing has come yet
        int concealed_run = 0;       ///< frames concealed since the last packet
        double cut_at = never;       ///< device time when what an xrun left too much is left out
        double deficit = 0;          ///< frames by which the delay is short of its target
        double peak = 0;
        double power = 0;
        int measured_frames = 0;
        double level_keeps = 0;  ///< how much of it over so many frames
    } rt_;
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "plugins/dsp/rtp/packetizer.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::plugin {

/// What `matrizrtppay` is told; see its properties.
struct PaySettings {
    dsp::CodecId codec = dsp::CodecId::opus;
    int frame = 0;  ///< 0: 2.5 ms for opus, else as long as the first buffer
    int bitrate = 0;
    int complexity = 10;
    int expected_loss = 2;  ///< percent
    bool red = false;
    int red_block_type = 97;
    dsp::Redundancy redundancy;
};

/// The codec side of `matrizrtppay`: from buffers of samples with their times to payloads with theirs. `configure` and
/// `settings` from any thread, the rest from the streaming thread.
class RtpPayer {
  public:
    struct Packet {
        std::span<const std::uint8_t> bytes;  ///< the payload, valid during the call only
        std::int64_t position;                ///< in RTP ticks from the first, gaps included
        GstClockTime pts;
        GstClockTime duration;
        bool marker;
    };
    using Each = std::function<bool(const Packet&)>;

    void configure(const PaySettings& settings);
    PaySettings settings() const;

    /// The samples that will come; the encoder is made with the first of them.
    void set_input(SampleRate rate, int channels);
    /// Of them; 0 while nothing is known. Streaming thread.
    int channels() const noexcept { return channels_; }
    void forget_input() noexcept {
        stop();
        channels_ = 0;
    }

    /// Whether the first buffer must be `start`ed with, to know what is sent.
    bool needs_start() const noexcept { return !packetizer_; }

    /// Makes the encoder. Returns what is sent, for caps. Throws Error when that is impossible.
    RtpStream start(std::int64_t frames_of_first_buffer, int payload_type);

    /// Samples with the time and sample offset of their first frame (none: GST_CLOCK_TIME_NONE,
    /// GST_BUFFER_OFFSET_NONE). Returns false as soon as `each` does or the encoder fails.
    bool push(std::span<const float> samples, GstClockTime pts, std::uint64_t offset, bool discont, const Each& each);

    /// Forgets what was begun; the next buffer starts anew with the same stream.
    void flush() noexcept;
    /// The next buffer needs `start`.
    void stop() noexcept { packetizer_.reset(); }

    /// How long samples wait for the rest of their packet, at most; 0 before `start`.
    GstClockTime latency() const noexcept { return latency_; }

  private:
    std::int64_t missing_before(GstClockTime pts, std::uint64_t offset, bool discont) const noexcept;

    mutable std::mutex mutex_;  // guards settings_
    PaySettings settings_;

    SampleRate rate_{48000};
    int channels_ = 0;
    std::optional<dsp::Packetizer> packetizer_;
    PaySettings applied_;  ///< to the encoder
    std::atomic<GstClockTime> latency_ = 0;

    bool running_ = false;  ///< the two below hold
    GstClockTime next_pts_ = GST_CLOCK_TIME_NONE;
    std::uint64_t next_offset_ = GST_BUFFER_OFFSET_NONE;
};

}  // namespace matriz::plugin

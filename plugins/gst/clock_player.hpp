// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/glib/ref.hpp"
#include "plugins/dsp/playout/playout.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::plugin {

/// What `matrizplayout` does between its pads: takes packets on one thread and, on another, makes a period of samples
/// each time a GStreamer clock says so.
class ClockPlayer {
  public:
    struct Settings {
        int channels = 2;
        int rate = 0;  ///< Hz; 0: that of the stream
        std::chrono::microseconds period{2500};
        std::chrono::microseconds min_delay{0};
        std::chrono::microseconds max_delay{200'000};
        int red_payload_type = -1;
        dsp::CodecId red_codec = dsp::CodecId::opus;
    };

    Settings settings() const;
    /// Delay bounds count at once, the rest from the next stream. Any thread.
    void configure(const Settings& settings);

    /// Throws Error when it cannot be played. Any thread.
    void set_stream(const RtpStream& stream);

    /// The clock runs: periods begin at `base_time` plus what was made before. Any thread.
    void start(GstClock* clock, GstClockTime base_time);
    /// No more periods; wakes next(). Any thread.
    void pause();
    /// Forgets stream and time.
    void stop();

    /// A packet came now. Streaming thread; dropped while the clock stands still.
    void push(std::span<const std::uint8_t> packet) noexcept;

    struct Period {
        GstBuffer* buffer = nullptr;  ///< owned by the caller; interleaved floats, PTS in running time
        SampleRate rate{0};           ///< of the samples
        int channels = 0;
    };
    /// Waits until the next period begins and makes it. Nothing when paused meanwhile. Task thread.
    std::optional<Period> next();

    dsp::PlayoutMetrics metrics() const;

  private:
    bool wait_for_period(std::unique_lock<std::mutex>& lock);
    Period make_period();

    mutable std::mutex mutex_;  ///< guards all that follows; render() here is not in an audio callback
    std::condition_variable changed_;
    Settings settings_;
    std::unique_ptr<dsp::Playout> playout_;
    glib::Ref<GstClock> clock_;
    GstClockID waiting_ = nullptr;  ///< what the task waits for, to be unscheduled
    GstClockTime base_time_ = 0;
    std::optional<GstClockTime> first_;  ///< running time of the first period of this rate
    std::uint64_t frames_made_ = 0;      ///< since then
    bool discontinuous_ = true;
    std::vector<float> planes_;
};

}  // namespace matriz::plugin

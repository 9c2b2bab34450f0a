// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/emitter/capture_client.hpp"
#include "node/emitter/config.hpp"
#include "node/emitter/meter.hpp"
#include "node/emitter/offer.hpp"
#include "node/emitter/recorder.hpp"
#include "node/gst/bus_watch.hpp"
#include "node/gst/pipeline.hpp"
#include "node/gst/reaper.hpp"
#include "node/gst/worker.hpp"

namespace matriz::emitter {

struct CaptureStatus {
    bool capturing = false;  ///< JACK's audio is sent; otherwise silence
    std::string reason;      ///< why not, in plain words
    JackTiming timing;       ///< of JACK, or of the silence that stands in
};

/// From JACK to packets, from start to end, whether or not anyone listens. While JACK is away (not started, crashed,
/// changing rate or period) silence takes its place in the same stream, and JACK is tried again every second; the
/// silence goes on until JACK's first sound is there, however long opening and closing it take.
class Capture {
  public:
    /// Returns at once: JACK is opened on a thread of its own. `recorder` may be null. All must outlive this.
    /// `on_new_offer` is called on this class's thread when JACK's rate or period changes what listeners get.
    Capture(const EmitterConfig& config, Offer& offer, Meter& meter, Recorder* recorder,
            std::function<void()> on_new_offer);
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    /// Waits until the JACK client is closed, or has failed to open.
    ~Capture();

    /// Any thread.
    CaptureStatus status() const;

  private:
    /// A pipeline with what its streaming thread needs to know.
    struct Running;

    void try_again();
    void try_jack() noexcept;
    void open_jack() noexcept;
    void on_opened(std::shared_ptr<Running> opened);
    void on_refused(const std::string& reason);
    void tell_ready(const Running* running) noexcept;
    void on_ready(const Running* running);
    void put_on_air(std::shared_ptr<Running> next);
    void go_silent(const std::string& reason) noexcept;
    void watch() noexcept;
    void watch_running();
    void on_stall(bool passed_over);
    bool is_to_be_renewed();
    void renew(const std::string& why, bool passed_over);
    void watch_opening();
    void let_go(std::shared_ptr<Running>& running);
    std::shared_ptr<Running> make(std::unique_ptr<CaptureClient> jack, const JackTiming& timing, bool record);
    void watch_bus(Running& running);
    void on_bus(const Running& from, GstMessage* message) noexcept;
    void set_timing(const JackTiming& timing);
    void publish(bool capturing, std::string reason) noexcept;

    const EmitterConfig config_;
    Offer& offer_;
    Meter& meter_;
    Recorder* const recorder_;
    const std::function<void()> on_new_offer_;
    const log::Logger log_{"emitter"};

    // Only the worker's thread.
    JackTiming timing_{.rate = SampleRate{48000}, .period = Frames{128}};
    std::shared_ptr<Running> running_;                   ///< on air
    std::shared_ptr<Running> staged_;                    ///< JACK's, opened, without sound yet
    bool opening_ = false;                               ///< the opener is at work
    bool renewing_ = false;                              ///< it is about to be JACK's no longer, for a moment
    std::vector<std::vector<std::string>> connections_;  ///< to be made again when JACK is back
    bool ending_ = false;
    glib::Source retry_;
    glib::Source watchdog_;
    std::uint64_t buffers_seen_ = 0;
    jack_nframes_t cycle_seen_ = 0;
    std::uint32_t periods_seen_ = 0;
    int stalled_seconds_ = 0;  ///< without a buffer of running_
    int waited_seconds_ = 0;   ///< opening_ or staged_
    int quiet_seconds_ = 0;    ///< of running_, once it is to be renewed
    bool captured_once_ = false;

    mutable std::mutex mutex_;  ///< guards status_
    CaptureStatus status_;
    gst::Reaper reaper_;
    gst::Worker worker_{"matriz-capture"};
    gst::Worker opener_{"matriz-opener"};  ///< after the worker, which hears what comes of it
};

}  // namespace matriz::emitter

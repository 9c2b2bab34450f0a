// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/audio/gstaudioringbuffer.h>
#include <jack/jack.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/emitter/jack_timing.hpp"
#include "node/gst/pipeline.hpp"
#include "node/gst/ref.hpp"
#include "plugins/dsp/capture/capture_clock.hpp"
#include "plugins/jack/admission.hpp"

namespace matriz::emitter {

/// The JACK client that captures: made here, so that xruns are heard of, and run by a `jackaudiosrc`. Outlives that
/// element's stay above NULL.
class CaptureClient {
  public:
    /// Joins the JACK server `server` (empty: the default one) as `name`. Never starts a server. Throws Error when it
    /// does not run, when another client has that name, or when clients are still open on a server that went away. May
    /// block while a server hangs: not on the main loop.
    CaptureClient(const std::string& server, const std::string& name);
    CaptureClient(const CaptureClient&) = delete;
    CaptureClient& operator=(const CaptureClient&) = delete;
    /// Leaves JACK, unless a source does that. May block like the constructor.
    ~CaptureClient();

    /// How the server ran when the client joined.
    JackTiming timing() const noexcept { return timing_; }

    /// Has `source`, a `jackaudiosrc` of `pipeline` in NULL, run the client: takes it to READY; when it goes back to
    /// NULL it closes the client. Throws Error when it does not take it. May block. Once, before it runs.
    void hand_to(const gst::Pipeline& pipeline, GstElement* source);

    /// Whether `message` of that pipeline says that JACK has shut the client down, and not only for another rate or
    /// period. Any thread, before the source goes back to NULL.
    bool is_shut_down(GstMessage* message) const noexcept;

    /// Which ports each of its own listens to, in their order, and that back again: what is no longer there is passed
    /// over. May block.
    std::vector<std::vector<std::string>> connections() const;
    void connect(const std::vector<std::vector<std::string>>& connections) const;

    /// The first frame of the server's period, which moves on as long as the server runs. Any thread. RT-safe.
    jack_nframes_t cycle() const noexcept { return jack_last_frame_time(client_); }

    /// Has a server that runs and passes the client over call it once more at least, or shut it down; connections are
    /// lost. May block.
    void activate_anew() const;

    /// Periods captured so far. The source counts them in 31 bits and writes outside its memory from then on.
    std::uint32_t periods() const noexcept;

    /// What is to be seen now; nothing when a period begins just then, or the thread was held up. The source's
    /// streaming thread. RT-safe.
    std::optional<dsp::CaptureLook> look() const noexcept;

  private:
    struct Close {
        void operator()(jack_client_t* client) const { jack_client_close(client); }
    };
    static int on_xrun(void* self) noexcept;
    std::string port_name(std::size_t index) const;

    jack::Admission admission_;
    std::unique_ptr<jack_client_t, Close> owned_;  ///< until a source has it
    jack_client_t* client_;
    JackTiming timing_;
    GstElement* source_ = nullptr;  ///< who has it
    gst::Ref<GstAudioRingBuffer> ring_;
    std::atomic<std::uint64_t> xruns_{0};  ///< counted on JACK's thread for notifications
};

}  // namespace matriz::emitter

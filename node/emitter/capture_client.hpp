// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/audio/gstaudioringbuffer.h>
#include <jack/jack.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "node/emitter/jack_timing.hpp"
#include "node/gst/ref.hpp"
#include "plugins/dsp/capture/capture_clock.hpp"

namespace matriz::emitter {

/// The JACK client that captures: made here, so that xruns are heard of, and run by a `jackaudiosrc`. Outlives that
/// element's stay above NULL.
class CaptureClient {
  public:
    /// Joins the JACK server `server` (empty: the default one) as `name`. Never starts a server. Throws Error when it
    /// does not run, or when another client has that name. May block while a server hangs: not on the main loop.
    CaptureClient(const std::string& server, const std::string& name);
    CaptureClient(const CaptureClient&) = delete;
    CaptureClient& operator=(const CaptureClient&) = delete;
    /// Leaves JACK, unless a source does that. May block like the constructor.
    ~CaptureClient();

    /// How the server ran when the client joined.
    JackTiming timing() const noexcept { return timing_; }

    /// Has `source`, a `jackaudiosrc` in NULL, run the client: takes it to READY; when it goes back to NULL it closes
    /// the client. Throws Error when it does not take it. May block. Once, before it runs.
    void hand_to(GstElement* source);

    /// What is to be seen now; nothing when a period begins just then, or the thread was held up. The source's
    /// streaming thread. RT-safe.
    std::optional<dsp::CaptureLook> look() const noexcept;

  private:
    struct Close {
        void operator()(jack_client_t* client) const { jack_client_close(client); }
    };
    static int on_xrun(void* self) noexcept;

    std::unique_ptr<jack_client_t, Close> owned_;  ///< until a source has it
    jack_client_t* client_;
    JackTiming timing_;
    gst::Ref<GstAudioRingBuffer> ring_;
    std::atomic<std::uint64_t> xruns_{0};  ///< counted on JACK's thread for notifications
};

}  // namespace matriz::emitter

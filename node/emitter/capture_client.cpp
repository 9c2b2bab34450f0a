// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/capture_client.hpp"

#include <gst/audio/gstaudiobasesrc.h>

#include <chrono>
#include <cstdlib>
#include <mutex>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "node/gst/pipeline.hpp"

namespace matriz::emitter {
namespace {

constexpr std::chrono::microseconds longest_look{100};

std::string shown_name(const std::string& server) {
    if (!server.empty()) return server;
    const char* chosen = std::getenv("JACK_DEFAULT_SERVER");
    return chosen != nullptr && *chosen != '\0' ? chosen : "default";
}

/// libjack writes on standard error by itself, several lines each time a server is not there.
void quieten_libjack() {
    static std::once_flag once;
    std::call_once(once, [] {
        jack_set_error_function([](const char* text) { log::Logger("libjack").debug("{}", text); });
        jack_set_info_function([](const char* text) { log::Logger("libjack").debug("{}", text); });
    });
}

}  // namespace

CaptureClient::CaptureClient(const std::string& server, const std::string& name) {
    quieten_libjack();
    // JackUseExactName would fail with a status that does not say why.
    unsigned options = JackNoStartServer;
    if (!server.empty()) options |= JackServerName;
    jack_status_t status{};
    owned_.reset(jack_client_open(name.c_str(), static_cast<jack_options_t>(options), &status, server.c_str()));
    if (!owned_ && (status & JackVersionError) != 0)
        throw Error("the JACK server \"{}\" speaks another version of the protocol", shown_name(server));
    if (!owned_) throw Error("the JACK server \"{}\" does not run", shown_name(server));
    client_ = owned_.get();
    if (name != jack_get_client_name(client_))
        throw Error("another JACK client is already named \"{}\"; give this node another jack_client", name);
    timing_ = {.rate = SampleRate{jack_get_sample_rate(client_)}, .period = Frames{jack_get_buffer_size(client_)}};
    jack_set_xrun_callback(client_, on_xrun, this);
}

CaptureClient::~CaptureClient() = default;

int CaptureClient::on_xrun(void* self) noexcept {
    static_cast<CaptureClient*>(self)->xruns_.fetch_add(1, std::memory_order_relaxed);
    return 0;
}

void CaptureClient::hand_to(GstElement* source) {
    g_object_set(source, "client", client_, nullptr);
    if (gst_element_set_state(source, GST_STATE_READY) == GST_STATE_CHANGE_FAILURE) {
        const auto bus = gst::Ref<GstBus>::adopt(gst_element_get_bus(source));
        const auto message = gst::Ref<GstMessage>::adopt(gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR));
        throw Error("JACK did not let the client \"{}\" run: {}", jack_get_client_name(client_),
                    message ? gst::error_text(message.get()) : "look at its own log");
    }
    (void)owned_.release();
    ring_ = gst::Ref<GstAudioRingBuffer>::share(GST_AUDIO_BASE_SRC(source)->ringbuffer);
}

std::optional<dsp::CaptureLook> CaptureClient::look() const noexcept {
    using Clock = std::chrono::steady_clock;
    const auto before = Clock::now();
    // In this order, so that nothing seems captured that JACK has not counted.
    const std::uint64_t captured = gst_audio_ring_buffer_samples_done(ring_.get());
    const jack_nframes_t cycle = jack_last_frame_time(client_);
    const jack_nframes_t since = jack_frames_since_cycle_start(client_);
    const auto now = Clock::now();
    if (now - before > longest_look || jack_last_frame_time(client_) != cycle) return std::nullopt;
    return dsp::CaptureLook{.captured = captured,
                            .cycle = cycle,
                            .begin = now.time_since_epoch() - duration(Frames{since}, timing_.rate),
                            .xruns = xruns_.load(std::memory_order_relaxed)};
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/capture_client.hpp"

#include <fmt/format.h>
#include <gst/audio/gstaudiobasesrc.h>

#include <chrono>
#include <utility>

#include "common/base/error.hpp"
#include "plugins/jack/libjack.hpp"

namespace matriz::emitter {
namespace {

constexpr std::chrono::microseconds longest_look{100};

jack::Admission admitted() {
    auto admission = jack::Admission::ask();
    if (!admission) throw Error("JACK went away; what is still open on it is closed first");
    return std::move(*admission);
}

}  // namespace

CaptureClient::CaptureClient(const std::string& server, const std::string& name) : admission_(admitted()) {
    jack::log_libjack();
    // JackUseExactName would fail with a status that does not say why.
    unsigned options = JackNoStartServer;
    if (!server.empty()) options |= JackServerName;
    jack_status_t status{};
    owned_.reset(jack_client_open(name.c_str(), static_cast<jack_options_t>(options), &status, server.c_str()));
    if (!owned_ && (status & JackVersionError) != 0)
        throw Error("the JACK server \"{}\" speaks another version of the protocol", jack::server_name(server));
    if (!owned_) throw Error("the JACK server \"{}\" does not run", jack::server_name(server));
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

void CaptureClient::hand_to(const gst::Pipeline& pipeline, GstElement* source) {
    g_object_set(source, "client", client_, nullptr);
    if (gst_element_set_state(source, GST_STATE_READY) == GST_STATE_CHANGE_FAILURE) {
        const std::string name = jack_get_client_name(client_);
        owned_.reset();  // at once: what it would call is gone
        const auto message = gst::Ref<GstMessage>::adopt(gst_bus_pop_filtered(pipeline.bus().get(), GST_MESSAGE_ERROR));
        throw Error("JACK did not let the client \"{}\" run: {}", name,
                    message ? gst::error_text(message.get()) : "look at its own log");
    }
    (void)owned_.release();
    source_ = source;
    ring_ = gst::Ref<GstAudioRingBuffer>::share(GST_AUDIO_BASE_SRC(source)->ringbuffer);
}

bool CaptureClient::is_shut_down(GstMessage* message) const noexcept {
    return GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && GST_MESSAGE_SRC(message) == GST_OBJECT(source_) &&
           jack_get_sample_rate(client_) == timing_.rate.hz &&
           static_cast<std::int64_t>(jack_get_buffer_size(client_)) == timing_.period.count;
}

std::string CaptureClient::port_name(std::size_t index) const {
    return fmt::format("{}:in_{}_{}", jack_get_client_name(client_), GST_OBJECT_NAME(source_), index + 1);
}

std::vector<std::vector<std::string>> CaptureClient::connections() const {
    std::vector<std::vector<std::string>> all;
    while (const jack_port_t* port = jack_port_by_name(client_, port_name(all.size()).c_str())) {
        auto& sources = all.emplace_back();
        const char** names = jack_port_get_all_connections(client_, port);
        for (const char** at = names; at != nullptr && *at != nullptr; ++at) sources.emplace_back(*at);
        jack_free(names);
    }
    return all;
}

void CaptureClient::connect(const std::vector<std::vector<std::string>>& connections) const {
    for (std::size_t i = 0; i < connections.size(); ++i)
        for (const std::string& source : connections[i]) jack_connect(client_, source.c_str(), port_name(i).c_str());
}

void CaptureClient::activate_anew() const {
    jack_deactivate(client_);
    jack_activate(client_);
}

std::uint32_t CaptureClient::periods() const noexcept {
    return static_cast<std::uint32_t>(g_atomic_int_get(&ring_.get()->segdone));
}

std::optional<dsp::CaptureLook> CaptureClient::look() const noexcept {
    using Clock = std::chrono::steady_clock;
    const auto before = Clock::now();
    // In this order, so that nothing seems captured that JACK has not counted.
    const std::uint64_t captured = gst_audio_ring_buffer_samples_done(ring_.get());
    const jack_nframes_t begun = cycle();
    const jack_nframes_t since = jack_frames_since_cycle_start(client_);
    const auto now = Clock::now();
    if (now - before > longest_look || cycle() != begun) return std::nullopt;
    return dsp::CaptureLook{.captured = captured,
                            .cycle = begun,
                            .begin = now.time_since_epoch() - duration(Frames{since}, timing_.rate),
                            .xruns = xruns_.load(std::memory_order_relaxed)};
}

}  // namespace matriz::emitter

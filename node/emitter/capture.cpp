// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/capture.hpp"

#include <gst/app/gstappsink.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <utility>

#include "common/base/error.hpp"
#include "node/emitter/encoder.hpp"
#include "node/gst/mapped_buffer.hpp"
#include "plugins/jack/admission.hpp"

namespace matriz::emitter {
namespace {

constexpr std::chrono::seconds retry_interval{1};
constexpr int stall_limit = 3;                      ///< seconds without a packet
constexpr float quiet_db = -50;                     ///< below it nobody plays
constexpr int quiet_limit = 10;                     ///< seconds after which nobody does
constexpr std::uint32_t last_period = 0x7c00'0000;  ///< a day before 2^31 periods of 64 frames at 48 kHz

gst::Ref<GstCaps> raw_caps(int channels, std::optional<SampleRate> rate) {
    auto caps = gst::Ref<GstCaps>::adopt(gst_caps_new_simple("audio/x-raw", "format", G_TYPE_STRING, "F32LE", "layout",
                                                             G_TYPE_STRING, "interleaved", "channels", G_TYPE_INT,
                                                             channels, nullptr));
    // JACK's channels are just channels, not loudspeakers.
    if (channels > 2) gst_caps_set_simple(caps.get(), "channel-mask", GST_TYPE_BITMASK, guint64{0}, nullptr);
    if (rate) gst_caps_set_simple(caps.get(), "rate", G_TYPE_INT, static_cast<int>(rate->hz), nullptr);
    return caps;
}

}  // namespace

struct Capture::Running {
    Running(Capture& capture, std::unique_ptr<CaptureClient> client, const JackTiming& as_jack, bool recorded)
        : owner(capture),
          silent(!client),
          timing(as_jack),
          record(recorded),
          jack(std::move(client)),
          clock(as_jack.rate, static_cast<int>(as_jack.period.count)) {}

    Capture& owner;
    bool silent;
    JackTiming timing;
    bool record;  ///< the recording takes part: always with JACK; with silence once JACK has been heard
    std::atomic<bool> on_air{false};  ///< until then what comes is dropped
    std::atomic<bool> ready_told{false};
    std::atomic<std::uint64_t> buffers{0};      ///< of raw audio so far
    const std::unique_ptr<CaptureClient> jack;  ///< null: silence
    dsp::CaptureClock clock;                    ///< the streaming thread's, like `lost`
    std::int64_t lost = 0;                      ///< frames that JACK lost so far
    gst::Pipeline pipeline{"capture"};
    gst::BusWatch watch{};
    gst::Ref<GstPad> raw_pad{};  ///< before the encoders
    std::promise<void> idle{};
    std::atomic<bool> idle_told{false};

    /// Raw audio on its way to the encoder. Streaming thread.
    static GstPadProbeReturn on_raw(GstPad*, GstPadProbeInfo* info, gpointer data) noexcept {
        auto& self = *static_cast<Running*>(data);
        self.buffers.fetch_add(1, std::memory_order_relaxed);
        const std::int64_t lost = self.find_lost();
        if (!self.on_air.load(std::memory_order_acquire)) {
            if (!self.ready_told.exchange(true)) self.owner.tell_ready(&self);
            return GST_PAD_PROBE_DROP;
        }
        if (self.lost > 0) self.move_on(info, lost > 0);
        const gst::MappedBuffer mapped(GST_PAD_PROBE_INFO_BUFFER(info), GST_MAP_READ);
        if (!mapped) return GST_PAD_PROBE_OK;
        Capture& capture = self.owner;
        const int channels = capture.config_.stream.channels;
        capture.meter_.feed(mapped.as<float>(), channels, self.timing.rate);
        if (self.record && lost > 0) capture.recorder_->skip(static_cast<std::uint64_t>(lost));
        if (self.record) capture.recorder_->feed(mapped.as<float>(), channels, self.timing.rate);
        return GST_PAD_PROBE_OK;
    }

    /// Frames that JACK lost, as is known since now. Streaming thread.
    std::int64_t find_lost() noexcept {
        const auto look = jack ? jack->look() : std::nullopt;
        const std::int64_t found = look ? clock.look(*look) : 0;
        lost += found;
        return found;
    }

    /// The source counts what it got; its times shall go on over what it did not get. Streaming thread.
    void move_on(GstPadProbeInfo* info, bool after_gap) const noexcept {
        GstBuffer* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));  // nobody else has it
        GST_PAD_PROBE_INFO_DATA(info) = buffer;
        const auto frames = static_cast<std::uint64_t>(lost);
        if (GST_BUFFER_OFFSET_IS_VALID(buffer)) GST_BUFFER_OFFSET(buffer) += frames;
        if (GST_BUFFER_OFFSET_END_IS_VALID(buffer)) GST_BUFFER_OFFSET_END(buffer) += frames;
        if (GST_BUFFER_PTS_IS_VALID(buffer))
            GST_BUFFER_PTS(buffer) += static_cast<GstClockTime>(duration(Frames{lost}, timing.rate).count());
        if (after_gap) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    }

    /// A packet is ready. Streaming thread.
    static GstFlowReturn on_packet(GstAppSink* sink, gpointer data) noexcept {
        auto sample = gst::Ref<GstSample>::adopt(gst_app_sink_pull_sample(sink));
        if (sample) static_cast<PacketStream*>(data)->deliver(std::move(sample));
        return GST_FLOW_OK;
    }

    /// Nobody takes what an encoder on demand would make. Streaming thread.
    static GstPadProbeReturn on_demand(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
        return static_cast<const PacketStream*>(data)->sinks() > 0 ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
    }

    /// On return nothing passes any more, and never will: encoders and recorder may be fed by another.
    void block() {
        gst_pad_add_probe(raw_pad.get(),
                          static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_IDLE | GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM),
                          on_idle, this, nullptr);
        idle.get_future().wait();
    }
    /// Nothing is on its way, or something waits to set out: either thread.
    static GstPadProbeReturn on_idle(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
        auto& self = *static_cast<Running*>(data);
        if (!self.idle_told.exchange(true)) self.idle.set_value();
        return GST_PAD_PROBE_OK;  // the pad stays blocked
    }

    /// One encoder behind the tee, with everything after it. Throws Error when it cannot run at this rate and period.
    void add_encoder(GstElement* tee, const Offer::Encoding& encoding) {
        auto made = make_encoder(encoding.config, timing);
        GstElement* encoder = pipeline.add(std::move(made));
        GstElement* sink = pipeline.add("appsink");
        g_object_set(sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, "max-buffers", 16, "drop", TRUE,
                     nullptr);
        gst::Pipeline::link({tee, encoder, sink});
        if (!encoding.always) {
            const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(encoder, "sink"));
            gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, on_demand, encoding.packets.get(), nullptr);
        }
        GstAppSinkCallbacks callbacks{};
        callbacks.new_sample = on_packet;
        gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, encoding.packets.get(), nullptr);
    }
};

Capture::Capture(const EmitterConfig& config, Offer& offer, Meter& meter, Recorder* recorder,
                 std::function<void()> on_new_offer)
    : config_(config),
      offer_(offer),
      meter_(meter),
      recorder_(recorder),
      on_new_offer_(std::move(on_new_offer)),
      status_{.capturing = false, .reason = "starting", .timing = timing_} {
    worker_.post([this] {
        try_jack();
        watchdog_ = glib::Source::every(
            std::chrono::seconds{1}, [this] { watch(); }, worker_.context());
    });
}

Capture::~Capture() {
    worker_.run([this] {
        ending_ = true;
        watchdog_.cancel();
        retry_.cancel();
        let_go(staged_);
        let_go(running_);
    });
}

CaptureStatus Capture::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Capture::set_timing(const JackTiming& timing) {
    timing_ = timing;
    if (offer_.set_timing(timing)) on_new_offer_();
}

void Capture::publish(bool capturing, std::string reason) noexcept {
    const std::lock_guard lock(mutex_);
    status_ = {.capturing = capturing, .reason = std::move(reason), .timing = timing_};
}

void Capture::try_again() {
    retry_ = glib::Source::after(
        retry_interval, [this] { try_jack(); }, worker_.context());
}

void Capture::try_jack() noexcept {
    if (opening_ || staged_) return;                // its end comes back here, if it is none
    if (renewing_) return try_again();              // the client of before is still open
    if (reaper_.pending() > 0) return try_again();  // the client of before cannot be closed: the server hangs still
    opening_ = true;
    waited_seconds_ = 0;
    opener_.post([this] { open_jack(); });
}

/// On the opener's thread, since it takes as long as a server hangs. Silence goes on meanwhile.
void Capture::open_jack() noexcept {
    try {
        if (config_.await_jack) config_.await_jack();
        auto jack = std::make_unique<CaptureClient>(config_.jack_server, config_.jack_client + "-send");
        const JackTiming timing = jack->timing();
        // Shared, for std::function wants to copy it.
        std::shared_ptr<Running> opened = make(std::move(jack), timing, recorder_ != nullptr);
        opened->pipeline.play();
        worker_.post([this, opened = std::move(opened)]() mutable { on_opened(std::move(opened)); });
    } catch (const std::exception& error) {
        worker_.post([this, reason = describe(error)] { on_refused(reason); });
    }
}

void Capture::on_opened(std::shared_ptr<Running> opened) {
    opening_ = false;
    if (ending_) return let_go(opened);
    waited_seconds_ = 0;
    staged_ = std::move(opened);
    watch_bus(*staged_);
    if (staged_->ready_told.load()) on_ready(staged_.get());  // its word came before it was here
}

void Capture::on_refused(const std::string& reason) {
    opening_ = false;
    if (ending_) return;
    go_silent(reason);
    try_again();
}

/// JACK's first sound is there. Streaming thread.
void Capture::tell_ready(const Running* running) noexcept {
    try {
        worker_.post([this, running] { on_ready(running); });
    } catch (const std::exception&) {  // out of memory: the watchdog comes back to it
    }
}

/// From silence to JACK. `running` may be one that is gone meanwhile.
void Capture::on_ready(const Running* running) {
    if (ending_ || !staged_ || staged_.get() != running) return;
    const JackTiming timing = staged_->timing;
    retry_.cancel();
    let_go(running_);
    set_timing(timing);
    put_on_air(std::move(staged_));
    if (!connections_.empty())
        opener_.post([running = running_, connections = std::exchange(connections_, {})] {
            running->jack->connect(connections);
        });
    captured_once_ = true;
    log_.info("capturing from JACK at {} Hz, {} frames a period; ports {}-send:in_send_1…{}", timing.rate.hz,
              timing.period.count, config_.jack_client, config_.stream.channels);
    publish(true, {});
}

/// In the place of what is on air; the streams go on as one.
void Capture::put_on_air(std::shared_ptr<Running> next) {
    let_go(running_);
    for (const Offer::Encoding& encoding : offer_.encodings()) encoding.packets->new_epoch();
    running_ = std::move(next);
    running_->on_air.store(true, std::memory_order_release);
    buffers_seen_ = running_->buffers.load(std::memory_order_relaxed);
    stalled_seconds_ = 0;
}

void Capture::go_silent(const std::string& reason) noexcept {
    const CaptureStatus before = status();
    if (before.capturing || before.reason != reason)
        log_.warning("{}; listeners hear silence, trying again every second", reason);
    publish(false, reason);
    if (running_ && running_->silent) return;
    try {
        let_go(running_);
        std::shared_ptr<Running> silence = make(nullptr, timing_, recorder_ != nullptr && captured_once_);
        watch_bus(*silence);
        silence->pipeline.play();
        put_on_air(std::move(silence));
    } catch (const std::exception& error) {
        log_.error("cannot even send silence: {}", describe(error));
    }
}

/// Ready to play what comes from `jack`; silence without. Either thread.
std::shared_ptr<Capture::Running> Capture::make(std::unique_ptr<CaptureClient> jack, const JackTiming& timing,
                                                bool record) {
    auto running = std::make_shared<Running>(*this, std::move(jack), timing, record);
    gst::Pipeline& pipeline = running->pipeline;
    const auto period = std::chrono::duration_cast<std::chrono::microseconds>(duration(timing.period, timing.rate));

    GstElement* source = nullptr;
    if (running->silent) {
        source = pipeline.add("audiotestsrc", "silence");
        gst::set_from_text(source, "wave", "silence");
        g_object_set(source, "is-live", TRUE, "samplesperbuffer", static_cast<int>(timing.period.count), nullptr);
    } else {
        source = pipeline.add("jackaudiosrc", "send");
        gst::set_from_text(source, "connect", "none");
        // One segment is one period whatever is asked. More of them cost no delay: they are what a late reader finds.
        const auto buffer = std::max<std::int64_t>(4 * period.count(), 10'000);
        g_object_set(source, "client-name", (config_.jack_client + "-send").c_str(), "latency-time",
                     static_cast<gint64>(period.count()), "buffer-time", static_cast<gint64>(buffer), nullptr);
        if (!config_.jack_server.empty()) g_object_set(source, "server", config_.jack_server.c_str(), nullptr);
        running->jack->hand_to(pipeline, source);
    }
    GstElement* filter = pipeline.add("capsfilter");
    g_object_set(filter, "caps", raw_caps(config_.stream.channels, timing.rate).get(), nullptr);
    GstElement* tee = pipeline.add("tee");
    gst::Pipeline::link({source, filter, tee});
    int encoders = 0;
    for (const Offer::Encoding& encoding : offer_.encodings()) {
        try {
            running->add_encoder(tee, encoding);
            ++encoders;
        } catch (const std::exception& error) {
            log_.warning("no {} at {} Hz and {} frames a period: {}", dsp::name(encoding.config.codec), timing.rate.hz,
                         timing.period.count, describe(error));
        }
    }
    if (encoders == 0) throw Error("no encoder works");

    running->raw_pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(filter, "src"));
    gst_pad_add_probe(running->raw_pad.get(), GST_PAD_PROBE_TYPE_BUFFER, Running::on_raw, running.get(), nullptr);
    return running;
}

void Capture::watch_bus(Running& running) {
    running.watch = gst::BusWatch(running.pipeline.bus().get(), worker_.context(),
                                  [this, &running](GstMessage* message) { on_bus(running, message); });
}

void Capture::on_bus(const Running& from, GstMessage* message) noexcept {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY) gst_bin_recalculate_latency(GST_BIN(from.pipeline.element()));
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR) return;
    try {
        const std::string text = gst::error_text(message);
        if (!from.silent) {
            // libjack takes it so, and would destroy the node's other client when the next one is opened.
            if (from.jack->is_shut_down(message)) jack::Admission::server_went_away();
            if (staged_.get() == &from) let_go(staged_);
            go_silent("JACK went away: " + text);
        } else {  // not even silence can be sent: that is nothing to be tried again at once
            if (status().reason != text) log_.error("{}; trying again every second", text);
            let_go(running_);
            publish(false, text);
        }
        try_again();
    } catch (const std::exception&) {  // out of memory; the watchdog comes back to it
    }
}

void Capture::watch() noexcept {
    try {
        watch_running();
        watch_opening();
    } catch (const std::exception&) {  // out of memory; it comes back to it
    }
}

void Capture::watch_running() {
    if (!running_) return;
    // As long as this client is open, no other one of this node can be: the stall would be noticed too late.
    if (!running_->silent && jack::Admission::is_over()) {
        let_go(running_);
        go_silent("JACK went away");
        return try_again();
    }
    if (is_to_be_renewed()) return renew("the capture joins JACK anew, as it must every few weeks", false);
    const std::uint64_t buffers = running_->buffers.load(std::memory_order_relaxed);
    const jack_nframes_t cycle = running_->jack ? running_->jack->cycle() : 0;
    const std::uint32_t periods = running_->jack ? running_->jack->periods() : 0;
    const bool jack_runs = std::exchange(cycle_seen_, cycle) != cycle;
    const bool uncalled = std::exchange(periods_seen_, periods) == periods;
    stalled_seconds_ = std::exchange(buffers_seen_, buffers) == buffers ? stalled_seconds_ + 1 : 0;
    if (stalled_seconds_ < stall_limit) return;
    stalled_seconds_ = 0;
    on_stall(jack_runs && uncalled);
}

/// `passed_over`: JACK runs, but calls this client no more. One that it calls must not be deactivated under its feet.
void Capture::on_stall(bool passed_over) {
    if (renewing_) return;
    if (passed_over) {
        log_.warning("JACK runs, but no longer calls \"{}-send\"; it leaves JACK and joins anew", config_.jack_client);
        return renew("the capture joins JACK anew", true);
    }
    let_go(running_);
    go_silent(fmt::format("JACK hangs: no audio came from it for {} seconds", stall_limit));
    try_again();
}

/// Before jackaudiosrc has counted as far as it can (see CaptureClient::periods): when nothing has been heard for a
/// while, and in the end in any case.
bool Capture::is_to_be_renewed() {
    if (renewing_ || running_->silent || running_->jack->periods() < config_.renew_after) return false;
    const auto levels = meter_.levels();
    const bool quiet =
        std::all_of(levels.begin(), levels.end(), [](const Level& level) { return level.peak_db < quiet_db; });
    quiet_seconds_ = quiet ? quiet_seconds_ + 1 : 0;
    return quiet_seconds_ >= quiet_limit || running_->jack->periods() > last_period;
}

/// Leaves JACK and comes back with the same connections. `passed_over`: libjack calls it no more, and jackaudiosrc,
/// which leaves in the next period that it is called for, would wait for ever.
void Capture::renew(const std::string& why, bool passed_over) {
    renewing_ = true;
    opener_.post([this, running = running_, why, passed_over]() mutable {
        auto connections = running->jack->connections();
        worker_.post([this, at = running.get(), connections = std::move(connections)]() mutable {
            if (running_.get() == at) connections_ = std::move(connections);
        });
        if (passed_over) running->jack->activate_anew();
        worker_.post([this, running = std::move(running), why]() mutable {
            renewing_ = false;
            if (ending_ || running != running_)
                return reaper_.take(std::move(running));  // it may be the last to know it
            running.reset();
            quiet_seconds_ = 0;
            let_go(running_);
            go_silent(why);
            try_again();
        });
    });
}

void Capture::watch_opening() {
    if (!opening_ && !staged_) return;
    ++waited_seconds_;
    if (!running_) go_silent("JACK does not answer yet");
    if (waited_seconds_ != stall_limit) return;
    if (opening_)  // what comes of it will be heard of
        return go_silent(fmt::format("JACK hangs: it has not answered for {} seconds", stall_limit));
    let_go(staged_);
    go_silent(fmt::format("JACK hangs: no audio came from it for {} seconds", stall_limit));
    try_again();
}

/// On return it delivers nothing any more. Closing a client of a server that hangs takes as long as it hangs.
void Capture::let_go(std::shared_ptr<Running>& running) {
    if (!running) return;
    running->watch.cancel();
    running->block();
    if (running->silent)
        running.reset();
    else
        reaper_.take(std::exchange(running, nullptr));
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/error.hpp"
#include "node/gst/mapped_buffer.hpp"
#include "node/mesh/peer.hpp"
#include "node/receiver/port_prefix.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/gst/jack_sink.hpp"
#include "plugins/gst/rtp_caps.hpp"
#include "version.h"

namespace matriz::receiver {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds udp_to_tcp = milliseconds{1500};  ///< no packet over UDP for so long: try TCP
constexpr microseconds tcp_timeout = milliseconds{5000};
constexpr milliseconds takeover_silence{60};  ///< as dsp::SourceFilter has it
constexpr guint max_sources = 4;              ///< the peer makes one; a new one in each packet would be an attack
constexpr int udp_buffer = 512 * 1024;

/// The only streams that are let in: what matrizjacksink decodes by itself.
constexpr std::array<std::string_view, 7> playable{"OPUS",         "MULTIOPUS",           "L16", "L24", "RED",
                                                   "X-MATRIZ-F32", "X-MATRIZ-OPUS-CUSTOM"};

bool is_playable(const GstCaps* caps) {
    const GstStructure* structure =
        caps != nullptr && gst_caps_get_size(caps) > 0 ? gst_caps_get_structure(caps, 0) : nullptr;
    const char* media = structure != nullptr ? gst_structure_get_string(structure, "media") : nullptr;
    const char* encoding = structure != nullptr ? gst_structure_get_string(structure, "encoding-name") : nullptr;
    return media != nullptr && encoding != nullptr && std::string_view(media) == "audio" &&
           std::find(playable.begin(), playable.end(), encoding) != playable.end();
}

void configure_source(GstElement* source, const ReceiverConfig& config) {
    const auto range = fmt::format("{}-{}", config.udp_ports.first, config.udp_ports.last);
    gst::set_from_text(source, "protocols", "udp+tcp");
    gst::set_from_text(source, "buffer-mode", "none");
    g_object_set(source, "location", stream_url(config).c_str(), "latency", 0U, "do-rtcp", TRUE, "timeout",
                 static_cast<guint64>(udp_to_tcp.count()), "tcp-timeout", static_cast<guint64>(tcp_timeout.count()),
                 "udp-reconnect", FALSE, "udp-buffer-size", udp_buffer, "port-range", range.c_str(), "retry",
                 static_cast<guint>(config.udp_ports.last - config.udp_ports.first), "user-agent",
                 "matriz/" MATRIZ_VERSION, "probation", 1U, nullptr);
}

void configure_sink(GstElement* sink, const ReceiverConfig& config) {
    g_object_set(sink, "client-name", config.jack_client.c_str(), "server-name", config.jack_server.c_str(),
                 "port-prefix", port_prefix(config.peer).c_str(), "channels", config.channels, "playout-min",
                 config.playout_min.count(), "playout-max", config.playout_max.count(), nullptr);
}

}  // namespace

std::string stream_url(const ReceiverConfig& config) {
    const std::string url =
        fmt::format("{}://{}:{}/stream", config.tls ? "rtsps" : "rtsp", mesh::bracketed(config.address), config.port);
    return config.ask ? url + "?" + negotiation::to_query(config.ask()) : url;
}

Connection::Connection(const ReceiverConfig& config, const log::Logger& log, GMainContext* context,
                       std::function<void(GstMessage*)> on_message)
    : log_(log), least_channels_(config.channels) {
    source_ = pipeline_.add("rtspsrc", "source");
    sink_ = pipeline_.add("matrizjacksink", "playout");
    gst_element_set_locked_state(sink_, TRUE);  // until start_sink()
    configure_source(source_, config);
    configure_sink(sink_, config);
    if (config.tls) guard_.emplace(source_, config.tls->own, config.tls->fingerprint, log);
    g_signal_connect(source_, "on-sdp", G_CALLBACK(on_sdp), this);
    g_signal_connect(source_, "select-stream", G_CALLBACK(on_select_stream), this);
    g_signal_connect(source_, "deep-element-added", G_CALLBACK(on_element), this);
    g_signal_connect(source_, "pad-added", G_CALLBACK(on_pad_added), this);
    g_signal_connect(source_, "new-manager", G_CALLBACK(on_new_manager), this);
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sink_, "sink"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, on_packet, this, nullptr);
    watch_ = gst::BusWatch(pipeline_.bus().get(), context, std::move(on_message));
    pipeline_.play();
}

void Connection::on_sdp(GstElement*, GstSDPMessage* description, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    self.admitted_ = !self.guard_ || self.guard_->admits(description);
    try {
        self.keys_.take(description);
    } catch (const std::exception&) {  // out of memory: no sound comes, and it is tried again
    }
}

void Connection::on_element(GstBin*, GstBin*, GstElement* element, gpointer data) noexcept {
    GstElementFactory* factory = gst_element_get_factory(element);
    if (factory != nullptr && std::string_view(GST_OBJECT_NAME(factory)) == "srtpdec")
        static_cast<Connection*>(data)->keys_.give_to(element);
}

gboolean Connection::on_select_stream(GstElement*, guint number, GstCaps* caps, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    if (!self.admitted_) {
        self.log_.warning("what answers at its address is not it, or does not encrypt its stream; refused");
        return FALSE;
    }
    if (!is_playable(caps)) {
        const auto text = gst::own(gst_caps_to_string(caps));
        self.log_.warning("its stream {} cannot be played here: {}", number, text.get());
        return FALSE;
    }
    // The same one is asked for again when rtspsrc turns to TCP.
    int none = -1;
    const auto wanted = static_cast<int>(number);
    if (!self.selected_.compare_exchange_strong(none, wanted) && none != wanted) return FALSE;
    self.start_sink(caps);
    return TRUE;
}

/// Now that the channels are known, so is the number of JACK ports.
void Connection::start_sink(const GstCaps* caps) noexcept {
    try {
        const auto stream = plugin::stream_from_caps(caps, dsp::CodecId::opus);
        g_object_set(sink_, "channels", std::max(least_channels_, stream.format.channels), nullptr);
    } catch (const std::exception& error) {
        log_.warning("{}", describe(error));  // the sink will refuse the caps and say so on the bus
    }
    gst_element_set_locked_state(sink_, FALSE);
    gst_element_sync_state_with_parent(sink_);
}

/// Each source (SSRC) has a pad of its own.
void Connection::on_pad_added(GstElement*, GstPad* pad, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_source, &self, nullptr);
    self.hasten_reports();
    const auto sink_pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(self.sink_, "sink"));
    if (gst_pad_is_linked(sink_pad.get()) == FALSE) self.hear(pad);
}

/// One source is heard. Another one, a sender that began anew within one session, takes its place when it has been
/// silent for a while: in the clear anybody can send a packet here. Streaming thread.
GstPadProbeReturn Connection::on_source(GstPad* pad, GstPadProbeInfo*, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    const auto now = std::chrono::steady_clock::now();
    if (gst_pad_is_linked(pad) == FALSE) {
        if (now - self.last_heard_ < takeover_silence) return GST_PAD_PROBE_DROP;
        self.hear(pad);
    }
    self.last_heard_ = now;
    return GST_PAD_PROBE_OK;
}

/// In the place of what is heard. Streaming thread.
void Connection::hear(GstPad* pad) const noexcept {
    const auto sink_pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sink_, "sink"));
    const auto old = gst::Ref<GstPad>::adopt(gst_pad_get_peer(sink_pad.get()));
    if (old) gst_pad_unlink(old.get(), sink_pad.get());
    if (gst_pad_link(pad, sink_pad.get()) != GST_PAD_LINK_OK) log_.warning("its stream does not fit the playout");
}

/// The sender chooses its redundancy by what our receiver reports say, so they should not come every 5 s only.
void Connection::hasten_reports() const noexcept {
    constexpr guint64 least_interval = 500 * GST_MSECOND;
    GObject* session = nullptr;
    if (manager_ != nullptr) g_signal_emit_by_name(manager_, "get-internal-session", 0U, &session);
    if (session == nullptr) return;
    g_object_set(session, "rtcp-min-interval", least_interval, nullptr);
    g_object_unref(session);
}

void Connection::on_new_manager(GstElement*, GstElement* manager, gpointer data) noexcept {
    static_cast<Connection*>(data)->manager_ = manager;
    g_object_set(manager, "max-streams", max_sources, nullptr);
    g_signal_connect(manager, "request-jitterbuffer", G_CALLBACK(on_request_jitterbuffer), data);
}

/// What comes from one source, by its jitterbuffer.
struct Connection::Line {
    Connection& connection;
    int number;
};

/// All the waiting there should be is the playout's: nothing may hold packets up before it.
GstElement* Connection::on_request_jitterbuffer(GstElement*, guint, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    GstElement* jitterbuffer = gst_element_factory_make("matrizjitterbuffer", nullptr);
    auto* line = jitterbuffer != nullptr ? new (std::nothrow) Line{self, ++self.lines_} : nullptr;
    if (line == nullptr) return jitterbuffer;
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(jitterbuffer, "src"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, on_line, line,
                      [](gpointer made) { delete static_cast<Line*>(made); });
    return jitterbuffer;
}

/// From here to the sink it is six pads. The first packet of a kind passes them all, with its caps, and on_source()
/// says whether it is heard; when it was, those that follow are handed to the sink from here. Streaming thread.
GstPadProbeReturn Connection::on_line(GstPad*, GstPadProbeInfo* info, gpointer data) noexcept {
    const auto& line = *static_cast<const Line*>(data);
    Connection& self = line.connection;
    const gst::MappedBuffer packet(GST_PAD_PROBE_INFO_BUFFER(info), GST_MAP_READ);
    const auto bytes = packet ? packet.as<std::uint8_t>() : std::span<const std::uint8_t>{};
    if (bytes.size() < dsp::rtp_header_size) return GST_PAD_PROBE_DROP;
    self.passing_ = {.line = line.number, .payload_type = bytes[1] & 0x7f};
    if (self.passing_ != self.heard_) return GST_PAD_PROBE_OK;
    const auto now = std::chrono::steady_clock::now();
    self.last_heard_ = now;
    self.count_packet(now);
    matriz_jack_sink_push(self.sink_, bytes, now.time_since_epoch());
    return GST_PAD_PROBE_DROP;
}

GstPadProbeReturn Connection::on_packet(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    self.heard_ = self.passing_;
    self.count_packet(std::chrono::steady_clock::now());
    return GST_PAD_PROBE_OK;
}

void Connection::count_packet(std::chrono::steady_clock::time_point now) noexcept {
    if (packets() == 0)
        first_packet_ns_.store(std::chrono::nanoseconds(now.time_since_epoch()).count(), std::memory_order_relaxed);
    packets_.fetch_add(1, std::memory_order_release);
}

std::string Connection::transport() const {
    bool udp = false;
    GstIterator* elements = gst_bin_iterate_all_by_element_factory_name(GST_BIN(source_), "udpsrc");
    gst_iterator_foreach(
        elements, [](const GValue*, gpointer found) { *static_cast<bool*>(found) = true; }, &udp);
    gst_iterator_free(elements);
    return udp ? "udp" : "tcp";
}

std::string Connection::codec() const {
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sink_, "sink"));
    const auto caps = gst::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad.get()));
    if (!caps) return {};
    try {
        return std::string(dsp::name(plugin::stream_from_caps(caps.get(), dsp::CodecId::opus).format.codec));
    } catch (const Error&) {  // then nothing of it can be heard either
        return {};
    }
}

}  // namespace matriz::receiver

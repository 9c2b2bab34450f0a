// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <string_view>
#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/codec.hpp"
#include "node/emitter/packet_source.hpp"
#include "node/receiver/port_prefix.hpp"
#include "node/webrtc/flood_guard.hpp"
#include "node/webrtc/held_thread.hpp"
#include "node/webrtc/webrtc_api.hpp"

namespace matriz::webrtc {
namespace {

using Address = Mailbox<Connection>::Address;

GstPadProbeReturn drop(GstPad*, GstPadProbeInfo*, gpointer) noexcept { return GST_PAD_PROBE_DROP; }

GstElement* on_request_jitterbuffer(GstElement*, guint, gpointer) noexcept {
    return gst_element_factory_make("matrizjitterbuffer", nullptr);
}

void configure_sink(GstElement* sink, const ConnectionConfig& config, const Format& format) {
    const auto stream = stream_of(format);
    const int channels = std::max(config.channels, stream ? stream->format.channels : 0);
    g_object_set(sink, "client-name", config.jack_client.c_str(), "server-name", config.jack_server.c_str(),
                 "port-prefix", receiver::port_prefix(config.peer).c_str(), "channels", channels, "playout-min",
                 config.playout_min.count(), "playout-max", config.playout_max.count(), nullptr);
}

}  // namespace

/// What webrtcbin's threads may touch.
struct Connection::Foreign {
    Foreign(Address address, std::string identity) : to(std::move(address)), pem(std::move(identity)) {}

    Address to;
    const std::string pem;
    /// Packets a second that may come.
    const std::shared_ptr<std::atomic<int>> allowed = std::make_shared<std::atomic<int>>(most_packets(std::nullopt));
    std::mutex mutex;                             ///< guards what follows
    std::vector<gst::Ref<GstElement>> dtls;       ///< every dtlsdec
    std::vector<gst::Ref<GstElement>> receivers;  ///< every bin of webrtcbin's that a transport receives through

    using Held = std::shared_ptr<Foreign>;
    static Foreign& of(gpointer data) { return **static_cast<Held*>(data); }

    /// Out of memory is the only way for it to fail; then the time-outs see to the rest.
    static void post(gpointer data, std::function<void(Connection&)> task) noexcept {
        try {
            of(data).to.post(std::move(task));
        } catch (const std::exception&) {
        }
    }

    static void on_element(GstBin*, GstBin*, GstElement* element, gpointer data) noexcept {
        GstElementFactory* factory = gst_element_get_factory(element);
        if (std::string_view(G_OBJECT_TYPE_NAME(element)) == "TransportReceiveBin") {
            auto& self = of(data);
            const std::lock_guard lock(self.mutex);
            self.receivers.push_back(gst::Ref<GstElement>::share(element));
        }
        if (factory == nullptr) return;
        const std::string_view name = GST_OBJECT_NAME(factory);
        if (name == "clocksync") {
            // It would hold each packet back for a whole frame.
            g_object_set(element, "sync", FALSE, nullptr);
        } else if (name == "dtlsdec") {
            auto& self = of(data);
            g_object_set(element, "pem", self.pem.c_str(), nullptr);
            const std::lock_guard lock(self.mutex);
            self.dtls.push_back(gst::Ref<GstElement>::share(element));
        } else if (name == "nicesrc") {
            guard_packets(element, of(data).allowed, complaint(data));
        } else if (name == "sctpdec") {
            guard_channels(element, complaint(data));
        }
    }
    static Complaint complaint(gpointer data) {
        return [to = of(data).to](const std::string& reason) {
            return to.post([reason](Connection& self) { self.fail(Trouble::failed, reason); });
        };
    }
    static void on_candidate(GstElement*, guint mline, const char* text, gpointer data) noexcept {
        try {
            of(data).to.post([mline, candidate = std::string(text != nullptr ? text : "")](Connection& self) {
                self.on_candidate(static_cast<int>(mline), candidate);
            });
        } catch (const std::exception&) {  // out of memory
        }
    }
    static void on_state(GObject*, GParamSpec*, gpointer data) noexcept {
        post(data, [](Connection& self) { self.on_state(); });
    }
    /// Packets must go nowhere before the owner's thread has seen the certificate.
    static void on_pad(GstElement*, GstPad* pad, gpointer data) noexcept {
        if (GST_PAD_IS_SINK(pad)) return;
        const gulong probe = gst_pad_add_probe(
            pad, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST), drop,
            nullptr, nullptr);
        g_object_set_data(G_OBJECT(pad), "matriz-drop", GSIZE_TO_POINTER(probe));
        post(data, [held = gst::Ref<GstPad>::share(pad)](Connection& self) { self.on_pad(held.get()); });
    }
    static void on_channel(GstElement*, GObject* channel, gpointer data) noexcept {
        post(data, [held = glib::Ref<GObject>::share(channel)](Connection& self) { self.take_channel(held.get()); });
    }
};

Connection::Connection(ConnectionConfig config, const log::Logger& log, GMainContext* context, ConnectionEvents events)
    : config_(std::move(config)),
      log_(log),
      context_(context),
      events_(std::move(events)),
      webrtcbin_(pipeline_.add("webrtcbin", "webrtc")),
      ice_(webrtcbin_, config_.ice_servers, config_.turn_trouble.empty()),
      mailbox_(*this, context) {
    gst::set_from_text(webrtcbin_, "bundle-policy", "max-bundle");
    g_object_set(webrtcbin_, "latency", 0U, nullptr);
    watch_webrtcbin();
    watch_ = gst::BusWatch(pipeline_.bus().get(), context, [this](GstMessage* message) { on_bus(message); });
    pipeline_.play();
}

Connection::~Connection() {
    mailbox_.close();
    watch_.cancel();
    if (subscribed_) outgoing_->packets->remove(subscribed_.get());
    ice_.release_relays();
    {
        const HeldThread held(webrtcbin_);
        pipeline_.halt();
    }
    pipeline_.stop();
    release_receivers();
}

/// As long as ICE has no way such a bin of 1.22 holds a block on its data, which holds the bin. That goes when the bin
/// stops; but what was still on its way in webrtcbin's threads then blocks it once more, and it would stay for ever,
/// and the sockets with it. Stopped again, now that webrtcbin's thread has ended, it lets go.
void Connection::release_receivers() {
    std::vector<gst::Ref<GstElement>> receivers;
    {
        const std::lock_guard lock(foreign_->mutex);
        receivers = std::move(foreign_->receivers);
        foreign_->receivers.clear();
    }
    for (const auto& bin : receivers) {
        gst_element_set_state(bin.get(), GST_STATE_READY);
        gst_element_set_state(bin.get(), GST_STATE_NULL);
    }
}

void Connection::watch_webrtcbin() {
    foreign_ = std::make_shared<Foreign>(mailbox_.address(), config_.identity->pem());
    const Foreign::Held held = foreign_;
    connect_with(pipeline_.element(), "deep-element-added", G_CALLBACK(Foreign::on_element), held);
    connect_with(webrtcbin_, "on-ice-candidate", G_CALLBACK(Foreign::on_candidate), held);
    connect_with(webrtcbin_, "pad-added", G_CALLBACK(Foreign::on_pad), held);
    connect_with(webrtcbin_, "on-data-channel", G_CALLBACK(Foreign::on_channel), held);
    for (const char* state :
         {"notify::connection-state", "notify::ice-connection-state", "notify::ice-gathering-state"})
        connect_with(webrtcbin_, state, G_CALLBACK(Foreign::on_state), held);

    const auto rtpbin = gst::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(webrtcbin_), "rtpbin"));
    if (!rtpbin) throw Error("this webrtcbin has no rtpbin; GStreamer 1.22 is what is known to work");
    g_signal_connect(rtpbin.get(), "request-jitterbuffer", G_CALLBACK(on_request_jitterbuffer), nullptr);
    constexpr guint most_sources = 4;  // the other makes one stream; a new source each packet would be an attack
    // RTCP would tell the user's and the machine's name otherwise.
    const auto description = gst::own(gst_structure_new("application/x-rtp-source-sdes", "cname", G_TYPE_STRING,
                                                        fmt::format("matriz-{:08x}", g_random_int()).c_str(), nullptr));
    g_object_set(rtpbin.get(), "max-streams", most_sources, "sdes", description.get(), nullptr);
}

/// The source of our packets, linked to the m-line that they go out on. It gets none yet.
void Connection::request_sink(int mline) {
    source_ = emitter::make_packet_source("packets");
    pipeline_.add(source_);
    const auto caps = caps_of(outgoing_->format, outgoing_->packets->ssrc());
    GstPadTemplate* pads = gst_element_get_pad_template(webrtcbin_, "sink_%u");
    const auto pad = gst::Ref<GstPad>::adopt(
        gst_element_request_pad(webrtcbin_, pads, fmt::format("sink_{}", mline).c_str(), caps.get()));
    if (!pad) throw Error("webrtcbin takes no stream; is the package gstreamer1.0-nice there?");
    GObject* raw = nullptr;
    g_object_get(pad.get(), "transceiver", &raw, nullptr);
    const auto transceiver = glib::Ref<GObject>::adopt(raw);
    const bool both = incoming_ && offered_.media.size() > static_cast<std::size_t>(mline) &&
                      offered_.media[static_cast<std::size_t>(mline)].direction == Direction::sendrecv;
    g_object_set(transceiver.get(), "direction",
                 both ? GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDRECV : GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY,
                 "codec-preferences", caps.get(), nullptr);
    const auto from = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(source_.get(), "src"));
    if (gst_pad_link(from.get(), pad.get()) != GST_PAD_LINK_OK) throw Error("webrtcbin does not take our stream");
    gst_element_sync_state_with_parent(source_.get());
}

void Connection::on_candidate(int mline, const std::string& candidate) {
    ice_.note_local(candidate);
    events_.candidate(mline, candidate);
}

void Connection::on_state() {
    GstWebRTCPeerConnectionState state{};
    GstWebRTCICEConnectionState ice{};
    GstWebRTCICEGatheringState gathering{};
    g_object_get(webrtcbin_, "connection-state", &state, "ice-connection-state", &ice, "ice-gathering-state",
                 &gathering, nullptr);
    if (gathering == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE) gathered_ = true;
    if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED && !verified_) return on_verified();
    if (state == GST_WEBRTC_PEER_CONNECTION_STATE_FAILED || ice == GST_WEBRTC_ICE_CONNECTION_STATE_FAILED)
        fail(Trouble::failed, no_way());
}

void Connection::on_verified() {
    if (failed_) return;
    if (!verify())
        return fail(
            Trouble::identity,
            fmt::format("its certificate is not the one expected: it has {}, expected is {}. Somebody may be in "
                        "between, or it has a new identity; no sound goes either way",
                        peer_fingerprint_.empty() ? "none" : peer_fingerprint_, config_.fingerprint));
    verified_ = true;
    if (pings_) pings_->begin();
    events_.verified();
}

/// Every certificate that DTLS used must be the right one; with one bundle there is one.
bool Connection::verify() {
    const std::lock_guard lock(foreign_->mutex);
    bool good = false;
    for (const auto& element : foreign_->dtls) {
        gchar* raw = nullptr;
        g_object_get(element.get(), "peer-pem", &raw, nullptr);
        const auto pem = gst::own(raw);
        if (!pem || *pem == '\0') continue;
        peer_fingerprint_ = identity::fingerprint_of(pem.get()).value_or("");
        if (peer_fingerprint_ != config_.fingerprint) return false;
        good = true;
    }
    return good;
}

/// Once it is known what comes.
void Connection::allow_packets() { *foreign_->allowed = most_packets(incoming_); }

void Connection::play() {
    if (!verified_ || std::exchange(playing_, true)) return;
    if (incoming_) make_playout();
    for (const auto& pad : std::exchange(pads_, {})) link(pad.get());
    if (const auto held = session()) {
        // The other chooses its redundancy by our reports: they should not come every 5 s only.
        constexpr guint64 least_interval = 500 * GST_MSECOND;
        g_object_set(held.get(), "rtcp-min-interval", least_interval, nullptr);
    }
    if (!outgoing_ || !source_) return;
    subscribed_ = make_outgoing_sink(emitter::make_packet_sink(source_), *outgoing_);
    outgoing_->packets->add(subscribed_);
}

void Connection::make_playout() {
    sink_ = pipeline_.add("matrizjacksink", "playout");
    configure_sink(sink_, config_, *incoming_);
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sink_, "sink"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, on_packet, this, nullptr);
    gst_element_sync_state_with_parent(sink_);
}

void Connection::on_pad(GstPad* pad) {
    if (playing_)
        link(pad);
    else
        pads_.push_back(gst::Ref<GstPad>::share(pad));
}

void Connection::link(GstPad* pad) {
    if (sink_ == nullptr) return;  // nothing was asked for: it goes on being dropped
    const auto to = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sink_, "sink"));
    if (gst_pad_is_linked(to.get()) != FALSE) {
        // The sender began anew: its new source takes the old one's place, which is dropped from now on.
        const auto old = gst::Ref<GstPad>::adopt(gst_pad_get_peer(to.get()));
        if (old) {
            gst_pad_add_probe(old.get(),
                              static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
                              drop, nullptr, nullptr);
            gst_pad_unlink(old.get(), to.get());
        }
    }
    if (gst_pad_link(pad, to.get()) != GST_PAD_LINK_OK) return log_.warning("its stream does not fit the playout");
    if (const gsize probe = GPOINTER_TO_SIZE(g_object_get_data(G_OBJECT(pad), "matriz-drop")); probe != 0)
        gst_pad_remove_probe(pad, probe);
}

GstPadProbeReturn Connection::on_packet(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
    auto& self = *static_cast<Connection*>(data);
    if (self.packets() == 0) {
        const auto now = Clock::now().time_since_epoch();
        self.first_packet_ns_.store(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
                                    std::memory_order_relaxed);
    }
    self.packets_.fetch_add(1, std::memory_order_release);
    return GST_PAD_PROBE_OK;
}

std::chrono::steady_clock::time_point Connection::first_packet() const noexcept {
    return Clock::time_point(std::chrono::nanoseconds(first_packet_ns_.load(std::memory_order_relaxed)));
}

std::string Connection::codec() const { return incoming_ ? name_of(*incoming_) : std::string(); }

void Connection::take_channel(GObject* channel) {
    gchar* raw = nullptr;
    g_object_get(channel, "label", &raw, nullptr);
    const auto label = gst::own(raw);
    if (pings_ || !label || std::string_view(label.get()) != channel_label()) return;
    pings_.emplace(channel, context_, [this] { return capture_latency(); });
    if (verified_) pings_->begin();
}

std::chrono::microseconds Connection::capture_latency() const {
    if (!outgoing_ || !config_.capture_latency) return std::chrono::microseconds{0};
    return config_.capture_latency(outgoing_->stream.format.codec);
}

glib::Ref<GObject> Connection::session() const {
    const auto rtpbin = gst::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(webrtcbin_), "rtpbin"));
    GObject* session = nullptr;
    if (rtpbin) g_signal_emit_by_name(rtpbin.get(), "get-internal-session", 0U, &session);
    return glib::Ref<GObject>::adopt(session);
}

std::optional<emitter::ReceiverReport> Connection::report() const {
    const auto held = session();
    if (!held || !outgoing_) return std::nullopt;
    GstStructure* raw = nullptr;
    g_object_get(held.get(), "stats", &raw, nullptr);
    const auto stats = gst::own(raw);
    const GValue* sources = stats ? gst_structure_get_value(stats.get(), "source-stats") : nullptr;
    if (sources == nullptr) return std::nullopt;
    // A GValueArray is what rtpsession gives; GLib has called it deprecated for ten years.
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    const auto* array = static_cast<const GValueArray*>(g_value_get_boxed(sources));
    const guint count = array != nullptr ? array->n_values : 0;
    G_GNUC_END_IGNORE_DEPRECATIONS
    for (guint i = 0; i < count; ++i) {
        const GstStructure* source = gst_value_get_structure(array->values + i);
        guint about = 0;
        if (gst_structure_get_uint(source, "rb-ssrc", &about) == FALSE || about != outgoing_->packets->ssrc()) continue;
        if (const auto report = emitter::report_in(source, static_cast<guint>(outgoing_->format.rate))) return report;
    }
    return std::nullopt;
}

std::optional<std::string> Connection::turn_trouble() const {
    if (!config_.turn_trouble.empty()) return config_.turn_trouble;
    if (!ice_.has_turn() || ice_.has_relay()) return std::string();
    const bool late = gathering_since_ && Clock::now() - *gathering_since_ > turn_limit;
    if (!gathered_ && !late) return std::nullopt;
    if (ice_.has_reflexive())
        return fmt::format("the TURN server {} gave no relay; are its credentials right?", ice_.turn_hosts());
    return fmt::format(
        "neither STUN nor the TURN server {} gave an address: a firewall may block UDP, or its credentials are wrong",
        ice_.turn_hosts());
}

std::string Connection::no_way() const {
    const std::string turn = turn_trouble().value_or("");
    if (!turn.empty()) return fmt::format("no way through to it was found, and {}", turn);
    if (ice_.has_turn()) return fmt::format("no way through to it was found, not even by {}", ice_.turn_hosts());
    return "no way through to it was found; a TURN server would help";
}

void Connection::on_bus(GstMessage* message) noexcept {
    try {
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
            fail(Trouble::failed, verified_ ? fmt::format("the connection broke: {}", gst::error_text(message))
                                            : fmt::format("no encrypted connection: {}", gst::error_text(message)));
        else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING)
            log_.debug("{}", gst::error_text(message));
    } catch (const std::exception&) {  // out of memory: the silence will be noticed
    }
}

void Connection::fail(Trouble trouble, const std::string& reason) {
    if (std::exchange(failed_, true)) return;
    events_.failed(trouble, reason);
}

}  // namespace matriz::webrtc

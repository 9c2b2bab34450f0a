// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/listeners.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "node/gst/ref.hpp"

namespace matriz::emitter {
namespace {

using gst::Ref;

/// The receiver's report that came from `from` ("address:port").
std::optional<ReceiverReport> report_from(GObject* session, const std::string& from, guint clock_rate) {
    GstStructure* raw = nullptr;
    g_object_get(session, "stats", &raw, nullptr);
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
        const char* address = gst_structure_get_string(source, "rtcp-from");
        if (address == nullptr || from != address) continue;
        if (const auto report = report_in(source, clock_rate)) return report;
    }
    return std::nullopt;
}

struct Format {
    guint clock_rate = 0;
    bool red = false;
};

Format format_of(GstRTSPStream* stream) {
    const auto caps = Ref<GstCaps>::adopt(gst_rtsp_stream_get_caps(stream));
    if (!caps) return {};
    const GstStructure* fields = gst_caps_get_structure(caps.get(), 0);
    gint rate = 0;
    gst_structure_get_int(fields, "clock-rate", &rate);
    return {.clock_rate = static_cast<guint>(rate),
            .red = g_strcmp0(gst_structure_get_string(fields, "encoding-name"), "RED") == 0};
}

using Found = std::vector<Listener>;

void collect_transport(GstRTSPStreamTransport* stream_transport, const std::string& address, Found& found) {
    const GstRTSPTransport* transport = gst_rtsp_stream_transport_get_transport(stream_transport);
    if (transport == nullptr) return;
    Listener listener;
    listener.address = address;
    listener.tcp = transport->lower_transport == GST_RTSP_LOWER_TRANS_TCP;
    listener.port = static_cast<std::uint16_t>(transport->client_port.min);
    GstRTSPStream* stream = gst_rtsp_stream_transport_get_stream(stream_transport);
    const Format format = stream != nullptr ? format_of(stream) : Format{};
    listener.red = format.red;
    if (!listener.tcp && stream != nullptr) {
        const auto session = Ref<GObject>::adopt(gst_rtsp_stream_get_rtpsession(stream));
        if (session)
            listener.report = report_from(session.get(), fmt::format("{}:{}", address, transport->client_port.max),
                                          format.clock_rate);
    }
    found.push_back(std::move(listener));
}

struct Walk {
    std::string address;
    Found& found;
};

GstRTSPFilterResult on_media(GstRTSPSession*, GstRTSPSessionMedia* media, gpointer data) noexcept {
    if (gst_rtsp_session_media_get_rtsp_state(media) != GST_RTSP_STATE_PLAYING) return GST_RTSP_FILTER_KEEP;
    auto& walk = *static_cast<Walk*>(data);
    GPtrArray* transports = gst_rtsp_session_media_get_transports(media);
    for (guint i = 0; transports != nullptr && i < transports->len; ++i)
        if (auto* transport = static_cast<GstRTSPStreamTransport*>(g_ptr_array_index(transports, i)))
            collect_transport(transport, walk.address, walk.found);
    if (transports != nullptr) g_ptr_array_unref(transports);
    return GST_RTSP_FILTER_KEEP;
}

GstRTSPFilterResult on_session(GstRTSPClient*, GstRTSPSession* session, gpointer data) noexcept {
    g_list_free_full(gst_rtsp_session_filter(session, on_media, data), g_object_unref);
    return GST_RTSP_FILTER_KEEP;
}

GstRTSPFilterResult on_client(GstRTSPServer*, GstRTSPClient* client, gpointer data) noexcept {
    GstRTSPConnection* connection = gst_rtsp_client_get_connection(client);
    const char* address = connection != nullptr ? gst_rtsp_connection_get_ip(connection) : nullptr;
    if (address == nullptr) return GST_RTSP_FILTER_KEEP;
    Walk walk{.address = address, .found = *static_cast<Found*>(data)};
    g_list_free_full(gst_rtsp_client_session_filter(client, on_session, &walk), g_object_unref);
    return GST_RTSP_FILTER_KEEP;
}

}  // namespace

std::optional<ReceiverReport> report_in(const GstStructure* source, guint clock_rate) {
    gboolean has_report = FALSE;
    if (clock_rate == 0 || gst_structure_get_boolean(source, "have-rb", &has_report) == FALSE || has_report == FALSE)
        return std::nullopt;
    guint fraction = 0, jitter = 0, round_trip = 0, highest = 0;
    gint lost = 0;
    gst_structure_get_uint(source, "rb-fractionlost", &fraction);
    gst_structure_get_int(source, "rb-packetslost", &lost);
    gst_structure_get_uint(source, "rb-exthighestseq", &highest);
    gst_structure_get_uint(source, "rb-jitter", &jitter);
    gst_structure_get_uint(source, "rb-round-trip", &round_trip);
    return ReceiverReport{.fraction_lost = fraction / 256.0,
                          .lost = std::max(lost, 0),  // duplicates make it negative (RFC 3550, 6.4.1)
                          .highest = highest,
                          .jitter_ms = 1e3 * jitter / clock_rate,
                          .round_trip_ms = 1e3 * round_trip / 65536.0};
}

std::vector<Listener> Listeners::collect(GstRTSPServer* server, Clock::time_point now) {
    Found found;
    g_list_free_full(gst_rtsp_server_client_filter(server, on_client, &found), g_object_unref);
    std::map<std::string, Clock::time_point> since;
    for (auto& listener : found) {
        const auto key = fmt::format("{} {} {}", listener.address, listener.tcp, listener.port);
        const auto known = since_.find(key);
        const auto start = since.emplace(key, known != since_.end() ? known->second : now).first->second;
        listener.seconds = std::chrono::duration<double>(now - start).count();
    }
    since_ = std::move(since);
    return found;
}

}  // namespace matriz::emitter

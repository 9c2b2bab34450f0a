// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/media_factory.hpp"

#include <sys/random.h>

#include <string_view>
#include <utility>

#include "common/base/log.hpp"
#include "node/emitter/packet_source.hpp"
#include "node/emitter/red_sink.hpp"
#include "node/gst/realtime.hpp"

namespace {

using matriz::emitter::Offer;
using matriz::emitter::PacketSink;
using matriz::emitter::PacketStream;

struct MatrizMediaFactory {
    GstRTSPMediaFactory parent;
    std::shared_ptr<Offer>* offer;
};
struct MatrizMediaFactoryClass {
    GstRTSPMediaFactoryClass parent;
};

G_DEFINE_TYPE(MatrizMediaFactory, matriz_media_factory, GST_TYPE_RTSP_MEDIA_FACTORY)

/// A media's place among the stream's sinks, given up when the media's element ends.
class Subscription {
  public:
    Subscription(std::shared_ptr<PacketStream> stream, std::shared_ptr<PacketSink> sink)
        : stream_(std::move(stream)), sink_(std::move(sink)) {
        stream_->add(sink_);
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription() { stream_->remove(sink_.get()); }

  private:
    std::shared_ptr<PacketStream> stream_;
    std::shared_ptr<PacketSink> sink_;
};

const std::shared_ptr<Offer>& offer_of(GstRTSPMediaFactory* factory) {
    return *reinterpret_cast<MatrizMediaFactory*>(factory)->offer;
}

/// Medias are shared by this key: a query chooses among the variants there are, so a stranger cannot make any number.
gchar* gen_key(GstRTSPMediaFactory* factory, const GstRTSPUrl* url) noexcept {
    try {
        return g_strdup(offer_of(factory)->choose(url->query).key().c_str());
    } catch (const std::exception&) {  // out of memory
        return g_strdup("opus");
    }
}

GstElement* create_element(GstRTSPMediaFactory* factory, const GstRTSPUrl* url) noexcept {
    try {
        const auto& offer = offer_of(factory);
        const auto variant = offer->choose(url->query);
        GstElement* bin = gst_bin_new("stream");
        auto source = matriz::emitter::make_packet_source("pay0");
        gst_bin_add(GST_BIN(bin), source.get());
        auto sink = matriz::emitter::make_packet_sink(std::move(source));
        if (variant.red) sink = matriz::emitter::make_red_sink(std::move(sink), offer);
        auto* subscription = new Subscription(offer->packets(variant), std::move(sink));
        g_object_set_data_full(G_OBJECT(bin), "matriz-subscription", subscription,
                               [](gpointer data) { delete static_cast<Subscription*>(data); });
        return bin;
    } catch (const std::exception& error) {
        matriz::log::Logger("emitter").error("cannot make the RTSP media: {}", error.what());
        return nullptr;
    }
}

/// A media that nobody plays holds one packet back, and a stalled one several: the next listener must not begin with
/// them.
constexpr GstClockTime stale_age = 100 * GST_MSECOND;

GstPadProbeReturn drop_stale(GstPad* pad, GstPadProbeInfo* info, gpointer) noexcept {
    const GstClockTime stamp = GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info));
    GstElement* parent = gst_pad_get_parent_element(pad);
    if (parent == nullptr) return GST_PAD_PROBE_OK;
    const GstClockTime now = gst_element_get_current_running_time(parent);
    gst_object_unref(parent);
    const bool known = GST_CLOCK_TIME_IS_VALID(now) && GST_CLOCK_TIME_IS_VALID(stamp);
    return known && now > stamp + stale_age ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

/// By itself it would make its key with a generator that is not meant for keys.
void give_key(GstElement* encoder) noexcept {
    constexpr gsize key_and_salt = 30;  // RFC 3711: AES-128 and 112 bits of salt
    guint8* bytes = static_cast<guint8*>(g_malloc0(key_and_salt));
    if (::getrandom(bytes, key_and_salt, 0) != static_cast<ssize_t>(key_and_salt)) {
        g_free(bytes);
        return;
    }
    GstBuffer* key = gst_buffer_new_wrapped(bytes, key_and_salt);
    g_object_set(encoder, "random-key", FALSE, "key", key, nullptr);
    gst_buffer_unref(key);
}

/// The way to who listens over TCP, or to who does over UDP, once there are both: when nobody reads at its end, packets
/// are dropped there. It would hold up the other way otherwise.
void keep_moving(GstElement* queue) noexcept {
    constexpr guint most_packets = 64;
    g_object_set(queue, "max-size-buffers", most_packets, "max-size-bytes", 0U, "max-size-time", guint64{0}, nullptr);
    gst_util_set_object_arg(G_OBJECT(queue), "leaky", "downstream");
}

/// The media's sinks would otherwise wait for each packet's time plus the pipeline's latency: one whole frame.
void on_deep_element_added(GstBin*, GstBin* bin, GstElement* element, gpointer) noexcept {
    GstElementFactory* factory = gst_element_get_factory(element);
    if (factory == nullptr) return;
    const std::string_view name = GST_OBJECT_NAME(factory);
    if (name == "srtpenc") give_key(element);
    if (name == "queue") keep_moving(element);
    // The way over UDP is linked when nothing is on the one over TCP, where a listener that reads nothing holds it up.
    if (name == "multiudpsink") matriz::emitter::let_tcp_drop(bin, true);
    if (name != "multiudpsink" && name != "appsink") return;
    g_object_set(element, "sync", FALSE, nullptr);
    GstPad* pad = gst_element_get_static_pad(element, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, drop_stale, nullptr, nullptr);
    gst_object_unref(pad);
}

GstElement* create_pipeline(GstRTSPMediaFactory*, GstRTSPMedia* media) noexcept {
    GstElement* pipeline = gst_pipeline_new("rtsp-media");
    g_signal_connect(pipeline, "deep-element-added", G_CALLBACK(on_deep_element_added), nullptr);
    matriz::gst::use_realtime_threads(pipeline);
    gst_rtsp_media_take_pipeline(media, GST_PIPELINE(pipeline));
    return pipeline;
}

void finalize(GObject* object) noexcept {
    delete reinterpret_cast<MatrizMediaFactory*>(object)->offer;
    G_OBJECT_CLASS(matriz_media_factory_parent_class)->finalize(object);
}

void matriz_media_factory_class_init(MatrizMediaFactoryClass* klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
    klass->parent.gen_key = gen_key;
    klass->parent.create_element = create_element;
    klass->parent.create_pipeline = create_pipeline;
}

void matriz_media_factory_init(MatrizMediaFactory*) {}

}  // namespace

namespace matriz::emitter {

void let_tcp_drop(GstBin* pipeline, bool drop) noexcept {
    GstIterator* sinks = gst_bin_iterate_all_by_element_factory_name(pipeline, "appsink");
    gboolean value = drop ? TRUE : FALSE;
    gst_iterator_foreach(
        sinks,
        [](const GValue* sink, gpointer to) {
            g_object_set(g_value_get_object(sink), "drop", *static_cast<gboolean*>(to), nullptr);
        },
        &value);
    gst_iterator_free(sinks);
}

gst::Ref<GstRTSPMediaFactory> make_media_factory(std::shared_ptr<Offer> offer, bool encrypted) {
    auto* raw = static_cast<MatrizMediaFactory*>(g_object_new(matriz_media_factory_get_type(), nullptr));
    raw->offer = new std::shared_ptr<Offer>(std::move(offer));
    GstRTSPMediaFactory* factory = &raw->parent;
    constexpr gint expedited_forwarding = 46;  // RFC 3246
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_media_factory_set_latency(factory, 0);
    gst_rtsp_media_factory_set_profiles(factory, encrypted ? GST_RTSP_PROFILE_SAVP : GST_RTSP_PROFILE_AVP);
    gst_rtsp_media_factory_set_protocols(
        factory, static_cast<GstRTSPLowerTrans>(GST_RTSP_LOWER_TRANS_UDP | GST_RTSP_LOWER_TRANS_TCP));
    gst_rtsp_media_factory_set_suspend_mode(factory, GST_RTSP_SUSPEND_MODE_NONE);
    gst_rtsp_media_factory_set_stop_on_disconnect(factory, TRUE);
    gst_rtsp_media_factory_set_dscp_qos(factory, expedited_forwarding);
    return gst::Ref<GstRTSPMediaFactory>::adopt(factory);
}

}  // namespace matriz::emitter

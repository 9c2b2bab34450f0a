// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/packet_source.hpp"

#include <gst/app/gstappsrc.h>

#include <utility>

#include "plugins/dsp/rtp/packet.hpp"

namespace {

// GObject wants C names; they stay in this file.
struct MatrizPacketSource {
    GstAppSrc parent;
    // Written by the capture thread, read by the RTSP server's; each is meaningful alone.
    gint payload_type;
    gint clock_rate;
    gint seq;
    gint time;
};
struct MatrizPacketSourceClass {
    GstAppSrcClass parent;
};

G_DEFINE_TYPE(MatrizPacketSource, matriz_packet_source, GST_TYPE_APP_SRC)

enum Property : guint { prop_pt = 1, prop_mtu, prop_stats };

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    auto* self = reinterpret_cast<MatrizPacketSource*>(object);
    switch (id) {
        case prop_pt:
            g_value_set_uint(value, static_cast<guint>(g_atomic_int_get(&self->payload_type)));
            break;
        case prop_mtu:
            g_value_set_uint(value, matriz::dsp::max_datagram_size);
            break;
        case prop_stats:
            g_value_take_boxed(
                value, gst_structure_new("application/x-rtp-payload-stats", "clock-rate", G_TYPE_UINT,
                                         static_cast<guint>(g_atomic_int_get(&self->clock_rate)), "seqnum-offset",
                                         G_TYPE_UINT, static_cast<guint>(g_atomic_int_get(&self->seq)), "timestamp",
                                         G_TYPE_UINT, static_cast<guint>(g_atomic_int_get(&self->time)), "running-time",
                                         G_TYPE_UINT64, GST_CLOCK_TIME_NONE, nullptr));
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

void set_property(GObject* object, guint id, const GValue*, GParamSpec* spec) noexcept {
    if (id != prop_mtu) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

void matriz_packet_source_class_init(MatrizPacketSourceClass* klass) {
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->get_property = get_property;
    object_class->set_property = set_property;
    constexpr auto read = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    constexpr auto both = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_property(
        object_class, prop_pt,
        g_param_spec_uint("pt", "Payload type", "RTP payload type of the packets", 0, 127, 96, read));
    g_object_class_install_property(
        object_class, prop_mtu,
        g_param_spec_uint("mtu", "MTU", "Longest datagram, bytes; what is set is ignored", 0, G_MAXUINT, 1200, both));
    g_object_class_install_property(
        object_class, prop_stats,
        g_param_spec_boxed("stats", "Statistics", "Number and time of the last packet", GST_TYPE_STRUCTURE, read));
    gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "RTP packet source", "Source/Network/RTP",
                                          "Hands ready RTP packets on", "matriz");
}

void matriz_packet_source_init(MatrizPacketSource* self) {
    self->payload_type = 96;
    self->clock_rate = 48000;
}

}  // namespace

namespace matriz::emitter {
namespace {

constexpr guint64 most_packets = 16;

class PacketSourceSink : public PacketSink {
  public:
    explicit PacketSourceSink(gst::Ref<GstElement> source) : source_(std::move(source)) {}

    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        auto* self = reinterpret_cast<MatrizPacketSource*>(source_.get());
        if (caps != caps_.get()) take_caps(self, caps);
        guint8 header[dsp::rtp_header_size];
        if (gst_buffer_extract(packet, 0, header, sizeof header) == sizeof header) {
            g_atomic_int_set(&self->seq, header[2] << 8 | header[3]);
            g_atomic_int_set(&self->time, static_cast<gint>(GST_READ_UINT32_BE(header + 4)));
        }
        gst_app_src_push_buffer(GST_APP_SRC(source_.get()), gst_buffer_ref(packet));
    }

  private:
    void take_caps(MatrizPacketSource* self, GstCaps* caps) noexcept {
        caps_ = gst::Ref<GstCaps>::share(caps);
        const GstStructure* structure = gst_caps_get_structure(caps, 0);
        gint number = 0;
        if (gst_structure_get_int(structure, "payload", &number) != FALSE)
            g_atomic_int_set(&self->payload_type, number);
        if (gst_structure_get_int(structure, "clock-rate", &number) != FALSE)
            g_atomic_int_set(&self->clock_rate, number);
        gst_app_src_set_caps(GST_APP_SRC(source_.get()), caps);
    }

    gst::Ref<GstElement> source_;
    gst::Ref<GstCaps> caps_;
};

}  // namespace

gst::Ref<GstElement> make_packet_source(const char* name) {
    auto source =
        gst::Ref<GstElement>::sink(GST_ELEMENT(g_object_new(matriz_packet_source_get_type(), "name", name, nullptr)));
    g_object_set(source.get(), "is-live", TRUE, "format", GST_FORMAT_TIME, "do-timestamp", TRUE, "block", FALSE,
                 "max-buffers", most_packets, "max-bytes", guint64{0}, "max-time", guint64{0}, "leaky-type",
                 GST_APP_LEAKY_TYPE_DOWNSTREAM, nullptr);
    return source;
}

std::shared_ptr<PacketSink> make_packet_sink(gst::Ref<GstElement> packet_source) {
    return std::make_shared<PacketSourceSink>(std::move(packet_source));
}

}  // namespace matriz::emitter

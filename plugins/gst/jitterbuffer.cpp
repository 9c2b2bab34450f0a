// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/jitterbuffer.hpp"

#include <mutex>

#include "plugins/dsp/rtp/bytes.hpp"
#include "plugins/gst/sequence_stats.hpp"

namespace matriz::plugin {

struct JitterbufferState {
    std::mutex mutex;
    SequenceStats packets;
    // What rtpbin sets and webrtcbin reads; nothing here acts on it.
    guint latency_ms = 0;
    gboolean do_retransmission = FALSE;
    gboolean do_lost = FALSE;
    gboolean drop_on_latency = FALSE;
    gint64 ts_offset = 0;
};

}  // namespace matriz::plugin

using matriz::plugin::JitterbufferState;

G_DEFINE_TYPE(MatrizJitterbuffer, matriz_jitterbuffer, GST_TYPE_ELEMENT)

namespace {

enum Property {
    prop_0,
    prop_latency,
    prop_do_retransmission,
    prop_do_lost,
    prop_drop_on_latency,
    prop_ts_offset,
    prop_percent,
    prop_stats,
};

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-rtp"));
GstStaticPadTemplate rtcp_template =
    GST_STATIC_PAD_TEMPLATE("sink_rtcp", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS("application/x-rtcp"));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-rtp"));

MatrizJitterbuffer* self_of(gpointer object) { return static_cast<MatrizJitterbuffer*>(object); }

void count(MatrizJitterbuffer* self, GstBuffer* buffer) {
    guint8 header[4];
    if (gst_buffer_extract(buffer, 0, header, sizeof header) != sizeof header) return;
    const std::lock_guard lock(self->state->mutex);
    self->state->packets.add({matriz::dsp::read_u16(header + 2)});
}

GstFlowReturn chain(GstPad*, GstObject* parent, GstBuffer* buffer) noexcept {
    auto* self = self_of(parent);
    count(self, buffer);
    return gst_pad_push(self->src, buffer);
}

GstFlowReturn chain_list(GstPad*, GstObject* parent, GstBufferList* list) noexcept {
    auto* self = self_of(parent);
    for (guint i = 0; i < gst_buffer_list_length(list); ++i) count(self, gst_buffer_list_get(list, i));
    return gst_pad_push_list(self->src, list);
}

GstFlowReturn chain_rtcp(GstPad*, GstObject*, GstBuffer* buffer) noexcept {
    gst_buffer_unref(buffer);  // sender reports are for lip-sync, which one stream has no need of
    return GST_FLOW_OK;
}

gboolean event_rtcp(GstPad*, GstObject*, GstEvent* event) noexcept {
    gst_event_unref(event);
    return TRUE;
}

GstPad* request_pad(GstElement* element, GstPadTemplate* templ, const gchar* name, const GstCaps*) noexcept {
    GstPad* existing = gst_element_get_static_pad(element, "sink_rtcp");
    if (existing) {
        gst_object_unref(existing);
        return nullptr;
    }
    GstPad* pad = gst_pad_new_from_template(templ, name ? name : "sink_rtcp");
    gst_pad_set_chain_function(pad, chain_rtcp);
    gst_pad_set_event_function(pad, event_rtcp);
    gst_pad_set_active(pad, TRUE);
    gst_element_add_pad(element, pad);
    return pad;
}

void release_pad(GstElement* element, GstPad* pad) noexcept {
    gst_pad_set_active(pad, FALSE);
    gst_element_remove_pad(element, pad);
}

GstStructure* stats(MatrizJitterbuffer* self) {
    const std::lock_guard lock(self->state->mutex);
    const auto& packets = self->state->packets;
    // Names and types are rtpjitterbuffer's, which webrtcbin reads unchecked.
    return gst_structure_new(
        "application/x-rtp-jitterbuffer-stats", "num-pushed", G_TYPE_UINT64, static_cast<guint64>(packets.received()),
        "num-lost", G_TYPE_UINT64, static_cast<guint64>(packets.lost()), "num-late", G_TYPE_UINT64, guint64{0},
        "num-duplicates", G_TYPE_UINT64, static_cast<guint64>(packets.duplicates()), "avg-jitter", G_TYPE_UINT64,
        guint64{0}, "rtx-count", G_TYPE_UINT64, guint64{0}, "rtx-success-count", G_TYPE_UINT64, guint64{0},
        "rtx-per-packet", G_TYPE_DOUBLE, 0.0, "rtx-rtt", G_TYPE_UINT64, guint64{0}, nullptr);
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
    auto& state = *self_of(object)->state;
    const std::lock_guard lock(state.mutex);
    switch (id) {
        case prop_latency:
            state.latency_ms = g_value_get_uint(value);
            break;
        case prop_do_retransmission:
            state.do_retransmission = g_value_get_boolean(value);
            break;
        case prop_do_lost:
            state.do_lost = g_value_get_boolean(value);
            break;
        case prop_drop_on_latency:
            state.drop_on_latency = g_value_get_boolean(value);
            break;
        case prop_ts_offset:
            state.ts_offset = g_value_get_int64(value);
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    auto* self = self_of(object);
    if (id == prop_stats) return g_value_take_boxed(value, stats(self));
    const std::lock_guard lock(self->state->mutex);
    switch (id) {
        case prop_latency:
            g_value_set_uint(value, self->state->latency_ms);
            break;
        case prop_do_retransmission:
            g_value_set_boolean(value, self->state->do_retransmission);
            break;
        case prop_do_lost:
            g_value_set_boolean(value, self->state->do_lost);
            break;
        case prop_drop_on_latency:
            g_value_set_boolean(value, self->state->drop_on_latency);
            break;
        case prop_ts_offset:
            g_value_set_int64(value, self->state->ts_offset);
            break;
        case prop_percent:
            g_value_set_int(value, 100);
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

void finalize(GObject* object) noexcept {
    delete self_of(object)->state;
    G_OBJECT_CLASS(matriz_jitterbuffer_parent_class)->finalize(object);
}

void clear_pt_map(MatrizJitterbuffer*) noexcept {}
guint64 set_active(MatrizJitterbuffer*, gboolean, guint64) noexcept { return 0; }

void install_properties(GObjectClass* klass) {
    const auto settable = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
    const auto readable = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    const auto add = [klass](guint id, GParamSpec* spec) { g_object_class_install_property(klass, id, spec); };
    add(prop_latency,
        g_param_spec_uint("latency", "Latency", "Accepted for rtpbin's sake, in milliseconds: nothing waits", 0,
                          G_MAXUINT, 0, settable));
    add(prop_do_retransmission,
        g_param_spec_boolean("do-retransmission", "Retransmission",
                             "Accepted for webrtcbin's sake: a retransmission would come too late", FALSE, settable));
    add(prop_do_lost,
        g_param_spec_boolean("do-lost", "Lost events", "Accepted for rtpbin's sake: the playout sees what is missing",
                             FALSE, settable));
    add(prop_drop_on_latency, g_param_spec_boolean("drop-on-latency", "Drop on latency",
                                                   "Accepted for rtpbin's sake: nothing is kept", FALSE, settable));
    add(prop_ts_offset, g_param_spec_int64("ts-offset", "Timestamp offset",
                                           "Accepted for rtpbin's sake, in nanoseconds: timestamps stay as they are",
                                           G_MININT64, G_MAXINT64, 0, settable));
    add(prop_percent,
        g_param_spec_int("percent", "Percent", "How full it is: always as full as it can be", 0, 100, 100, readable));
    add(prop_stats, g_param_spec_boxed("stats", "Statistics",
                                       "num-pushed, num-lost, num-late, num-duplicates, avg-jitter, rtx-count, "
                                       "rtx-success-count, rtx-rtt (guint64), rtx-per-packet (double)",
                                       GST_TYPE_STRUCTURE, readable));
}

void install_signals(MatrizJitterbufferClass* klass) {
    const GType type = G_TYPE_FROM_CLASS(klass);
    const auto action = static_cast<GSignalFlags>(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
    g_signal_new("request-pt-map", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr, GST_TYPE_CAPS, 1,
                 G_TYPE_UINT);
    g_signal_new("handle-sync", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr, G_TYPE_NONE, 1,
                 GST_TYPE_STRUCTURE);
    g_signal_new("on-npt-stop", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
    g_signal_new("clear-pt-map", type, action, G_STRUCT_OFFSET(MatrizJitterbufferClass, clear_pt_map), nullptr, nullptr,
                 nullptr, G_TYPE_NONE, 0);
    g_signal_new("set-active", type, action, G_STRUCT_OFFSET(MatrizJitterbufferClass, set_active), nullptr, nullptr,
                 nullptr, G_TYPE_UINT64, 2, G_TYPE_BOOLEAN, G_TYPE_UINT64);
}

}  // namespace

static void matriz_jitterbuffer_class_init(MatrizJitterbufferClass* klass) {
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    klass->clear_pt_map = clear_pt_map;
    klass->set_active = set_active;
    install_properties(object_class);
    install_signals(klass);

    auto* element_class = GST_ELEMENT_CLASS(klass);
    element_class->request_new_pad = request_pad;
    element_class->release_pad = release_pad;
    gst_element_class_set_static_metadata(element_class, "matriz jitterbuffer", "Filter/Network/RTP",
                                          "Takes rtpjitterbuffer's place in rtpbin and makes no packet wait", "matriz");
    gst_element_class_add_static_pad_template(element_class, &sink_template);
    gst_element_class_add_static_pad_template(element_class, &rtcp_template);
    gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void matriz_jitterbuffer_init(MatrizJitterbuffer* self) {
    self->state = new JitterbufferState;
    GstPad* sink = gst_pad_new_from_static_template(&sink_template, "sink");
    gst_pad_set_chain_function(sink, chain);
    gst_pad_set_chain_list_function(sink, chain_list);
    GST_PAD_SET_PROXY_CAPS(sink);
    GST_PAD_SET_PROXY_SCHEDULING(sink);
    GST_PAD_SET_PROXY_ALLOCATION(sink);
    gst_element_add_pad(GST_ELEMENT(self), sink);
    self->src = gst_pad_new_from_static_template(&src_template, "src");
    GST_PAD_SET_PROXY_CAPS(self->src);
    GST_PAD_SET_PROXY_SCHEDULING(self->src);
    gst_element_add_pad(GST_ELEMENT(self), self->src);
}

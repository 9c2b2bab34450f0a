// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/rtp_red.hpp"

#include <gst/rtp/gstrtpbuffer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <span>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/red.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::plugin {

struct RedShell {
    std::atomic<int> pt = 100;
    std::atomic<int> depth = 0;
    std::atomic<int> distance = 1;
    std::atomic<bool> always = true;
    std::optional<dsp::RedWrapper> wrapper;  ///< of the streaming thread, made with the caps
};

}  // namespace matriz::plugin

using matriz::plugin::RedShell;

GST_DEBUG_CATEGORY_STATIC(matriz_rtp_red_debug);
#define GST_CAT_DEFAULT matriz_rtp_red_debug

G_DEFINE_TYPE(MatrizRtpRed, matriz_rtp_red, GST_TYPE_ELEMENT)

namespace {

enum Property { prop_0, prop_pt, prop_redundancy, prop_redundancy_distance, prop_always };

MatrizRtpRed* self_of(gpointer object) { return static_cast<MatrizRtpRed*>(object); }
RedShell& shell_of(gpointer object) { return *self_of(object)->shell; }

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
    RedShell& shell = shell_of(object);
    switch (id) {
        case prop_pt:
            shell.pt = g_value_get_int(value);
            break;
        case prop_redundancy:
            shell.depth = g_value_get_int(value);
            break;
        case prop_redundancy_distance:
            shell.distance = g_value_get_int(value);
            break;
        case prop_always:
            shell.always = g_value_get_boolean(value) != FALSE;
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    const RedShell& shell = shell_of(object);
    switch (id) {
        case prop_pt:
            g_value_set_int(value, shell.pt);
            break;
        case prop_redundancy:
            g_value_set_int(value, shell.depth);
            break;
        case prop_redundancy_distance:
            g_value_set_int(value, shell.distance);
            break;
        case prop_always:
            g_value_set_boolean(value, shell.always ? TRUE : FALSE);
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

/// The caps of the stream as RED; null, with an error posted, when they are not of a stream of ours.
GstCaps* red_caps(MatrizRtpRed* self, GstCaps* caps) {
    try {
        return matriz::plugin::make_red_caps(caps, self->shell->pt);
    } catch (const std::exception& error) {
        GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("%s", matriz::describe(error).c_str()), (nullptr));
        return nullptr;
    }
}

gboolean sink_event(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
    if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS) return gst_pad_event_default(pad, parent, event);
    MatrizRtpRed* self = self_of(parent);
    GstCaps* caps = nullptr;
    gst_event_parse_caps(event, &caps);
    GstCaps* red = red_caps(self, caps);
    gst_event_unref(event);
    if (!red) return FALSE;
    self->shell->wrapper.emplace(static_cast<std::uint8_t>(self->shell->pt));
    GstEvent* changed = gst_event_new_caps(red);
    gst_caps_unref(red);
    return gst_pad_push_event(self->src, changed);
}

/// The buffer to send instead of `in`, which is taken over; null when it is no RTP packet.
GstBuffer* wrap(RedShell& shell, GstBuffer* in) {
    const matriz::dsp::Redundancy redundancy{.depth = shell.depth, .distance = shell.distance};
    GstMapInfo map;
    if (!gst_buffer_map(in, &map, GST_MAP_READ)) {
        gst_buffer_unref(in);
        return nullptr;
    }
    const std::span<const std::uint8_t> packet(map.data, map.size);
    if (!shell.always && redundancy.depth == 0) {
        shell.wrapper->pass(packet);
        gst_buffer_unmap(in, &map);
        return in;
    }
    // A packet of another's making may be longer than ours ever are: it goes through alone.
    std::array<std::uint8_t, 2048> bytes;
    const std::size_t limit = std::max(matriz::dsp::max_rtp_size, std::min(map.size + 1, bytes.size()));
    const std::size_t size = shell.wrapper->wrap(packet, redundancy, std::span(bytes).first(limit));
    gst_buffer_unmap(in, &map);
    GstBuffer* out = nullptr;
    if (size > 0) {
        out = gst_buffer_new_allocate(nullptr, size, nullptr);
        gst_buffer_fill(out, 0, bytes.data(), size);
        gst_buffer_copy_into(out, in, static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_METADATA), 0,
                             static_cast<gsize>(-1));
    }
    gst_buffer_unref(in);
    return out;
}

GstFlowReturn chain(GstPad*, GstObject* parent, GstBuffer* buffer) noexcept {
    MatrizRtpRed* self = self_of(parent);
    if (!self->shell->wrapper) {
        gst_buffer_unref(buffer);
        return GST_FLOW_NOT_NEGOTIATED;
    }
    GstBuffer* out = wrap(*self->shell, buffer);
    if (out) return gst_pad_push(self->src, out);
    GST_DEBUG_OBJECT(self, "dropped what is no RTP packet, or too long a one");
    return GST_FLOW_OK;
}

GstStateChangeReturn change_state(GstElement* element, GstStateChange change) noexcept {
    const auto result = GST_ELEMENT_CLASS(matriz_rtp_red_parent_class)->change_state(element, change);
    if (change == GST_STATE_CHANGE_PAUSED_TO_READY) shell_of(element).wrapper.reset();
    return result;
}

void finalize(GObject* object) noexcept {
    delete self_of(object)->shell;
    G_OBJECT_CLASS(matriz_rtp_red_parent_class)->finalize(object);
}

void install_properties(GObjectClass* object_class) {
    const auto settable =
        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    const auto live = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
    const auto add = [object_class](guint id, GParamSpec* spec) {
        g_object_class_install_property(object_class, id, spec);
    };
    add(prop_pt, g_param_spec_int("pt", "Payload type", "Payload type of the RED packets", 0, 127, 100, settable));
    add(prop_redundancy, g_param_spec_int("redundancy", "Redundancy", "Packets of the past that ride along", 0,
                                          matriz::dsp::Redundancy::max_depth, 0, live));
    add(prop_redundancy_distance,
        g_param_spec_int("redundancy-distance", "Distance of redundancy",
                         "Packets from one of the past that rides along to the next: 2 outlives a burst of two", 1,
                         matriz::dsp::Redundancy::max_distance, 1, live));
    add(prop_always,
        g_param_spec_boolean("always", "Always RED",
                             "Wrap packets even while redundancy is 0; otherwise these go as they came, for "
                             "receivers that were told both payload types",
                             TRUE, live));
}

}  // namespace

static void matriz_rtp_red_class_init(MatrizRtpRedClass* klass) {
    GST_DEBUG_CATEGORY_INIT(matriz_rtp_red_debug, "matrizrtpred", 0, "matriz RED encoder");
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    install_properties(object_class);

    auto* element_class = GST_ELEMENT_CLASS(klass);
    element_class->change_state = change_state;
    gst_element_class_set_static_metadata(
        element_class, "matriz RED encoder", "Filter/Network/RTP",
        "Wraps RTP packets in RED (RFC 2198), several of the past at a given distance "
        "with each, never beyond 1200 bytes",
        "matriz");
    static GstStaticPadTemplate sink =
        GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-rtp"));
    static GstStaticPadTemplate src =
        GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-rtp"));
    gst_element_class_add_static_pad_template(element_class, &sink);
    gst_element_class_add_static_pad_template(element_class, &src);
}

static void matriz_rtp_red_init(MatrizRtpRed* self) {
    self->shell = new RedShell;
    const auto add = [self](const char* name) {
        GstPadTemplate* pad_template = gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(self), name);
        GstPad* pad = gst_pad_new_from_template(pad_template, name);
        gst_element_add_pad(GST_ELEMENT(self), pad);
        return pad;
    };
    self->sink = add("sink");
    self->src = add("src");
    gst_pad_set_chain_function(self->sink, chain);
    gst_pad_set_event_function(self->sink, sink_event);
}

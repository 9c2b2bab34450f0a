// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/jack_sink.hpp"

#include <new>
#include <string>

#include "common/base/error.hpp"
#include "plugins/gst/jack_player.hpp"
#include "plugins/gst/stats.hpp"

using matriz::plugin::JackPlayer;

GST_DEBUG_CATEGORY_STATIC(matriz_jack_sink_debug);
#define GST_CAT_DEFAULT matriz_jack_sink_debug

G_DEFINE_TYPE(MatrizJackSink, matriz_jack_sink, GST_TYPE_BASE_SINK)

namespace {

enum Property {
    prop_0,
    prop_client_name,
    prop_server_name,
    prop_port_prefix,
    prop_channels,
    prop_playout_min,
    prop_playout_max,
    prop_red_pt,
    prop_red_codec,
    prop_stats,
    property_count,
};

MatrizJackSink* self_of(gpointer object) { return static_cast<MatrizJackSink*>(object); }
JackPlayer& player_of(gpointer object) { return *self_of(object)->player; }

std::chrono::microseconds from_ms(double ms) { return std::chrono::microseconds(static_cast<std::int64_t>(ms * 1000)); }
double to_ms(std::chrono::microseconds us) { return static_cast<double>(us.count()) / 1000; }
std::string text_of(const GValue* value) {
    const char* text = g_value_get_string(value);
    return text ? text : "";
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
    auto settings = player_of(object).settings();
    switch (id) {
        case prop_client_name:
            settings.client_name = text_of(value);
            break;
        case prop_server_name:
            settings.server_name = text_of(value);
            break;
        case prop_port_prefix:
            settings.port_prefix = text_of(value);
            break;
        case prop_channels:
            settings.channels = g_value_get_int(value);
            break;
        case prop_playout_min:
            settings.min_delay = from_ms(g_value_get_double(value));
            break;
        case prop_playout_max:
            settings.max_delay = from_ms(g_value_get_double(value));
            break;
        case prop_red_pt:
            settings.red_payload_type = g_value_get_int(value);
            break;
        case prop_red_codec:
            if (const auto codec = matriz::dsp::codec_from_name(text_of(value)))
                settings.red_codec = *codec;
            else
                GST_WARNING_OBJECT(object, "codec \"%s\" is not known", text_of(value).c_str());
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
            return;
    }
    player_of(object).configure(settings);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    const auto settings = player_of(object).settings();
    switch (id) {
        case prop_client_name:
            g_value_set_string(value, settings.client_name.c_str());
            break;
        case prop_server_name:
            g_value_set_string(value, settings.server_name.c_str());
            break;
        case prop_port_prefix:
            g_value_set_string(value, settings.port_prefix.c_str());
            break;
        case prop_channels:
            g_value_set_int(value, settings.channels);
            break;
        case prop_playout_min:
            g_value_set_double(value, to_ms(settings.min_delay));
            break;
        case prop_playout_max:
            g_value_set_double(value, to_ms(settings.max_delay));
            break;
        case prop_red_pt:
            g_value_set_int(value, settings.red_payload_type);
            break;
        case prop_red_codec:
            g_value_set_string(value, std::string(matriz::dsp::name(settings.red_codec)).c_str());
            break;
        case prop_stats:
            g_value_take_boxed(value, matriz::plugin::stats_structure("application/x-matriz-playout-stats",
                                                                      player_of(object).metrics()));
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

gboolean start(GstBaseSink* sink) noexcept {
    try {
        const std::string trouble = player_of(sink).start();
        if (!trouble.empty()) GST_ELEMENT_WARNING(sink, RESOURCE, OPEN_WRITE, ("%s", trouble.c_str()), (nullptr));
        return TRUE;
    } catch (const std::exception& error) {
        GST_ELEMENT_ERROR(sink, RESOURCE, OPEN_WRITE, ("%s", matriz::describe(error).c_str()), (nullptr));
        return FALSE;
    }
}

gboolean stop(GstBaseSink* sink) noexcept {
    player_of(sink).stop();
    return TRUE;
}

gboolean set_caps(GstBaseSink* sink, GstCaps* caps) noexcept {
    try {
        player_of(sink).set_stream(matriz::plugin::stream_from_caps(caps, player_of(sink).settings().red_codec));
        return TRUE;
    } catch (const std::exception& error) {
        gchar* text = gst_caps_to_string(caps);
        GST_ELEMENT_ERROR(sink, STREAM, FORMAT, ("%s", matriz::describe(error).c_str()), ("caps %s", text));
        g_free(text);
        return FALSE;
    }
}

/// What counts is when the audio thread could have the packet, so the time is taken here, not by the socket.
GstFlowReturn render(GstBaseSink* sink, GstBuffer* buffer) noexcept {
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return GST_FLOW_OK;
    player_of(sink).push({map.data, map.size}, std::chrono::steady_clock::now().time_since_epoch());
    gst_buffer_unmap(buffer, &map);
    return GST_FLOW_OK;
}

GstFlowReturn render_list(GstBaseSink* sink, GstBufferList* list) noexcept {
    for (guint i = 0; i < gst_buffer_list_length(list); ++i) render(sink, gst_buffer_list_get(list, i));
    return GST_FLOW_OK;
}

void finalize(GObject* object) noexcept {
    delete self_of(object)->player;
    G_OBJECT_CLASS(matriz_jack_sink_parent_class)->finalize(object);
}

void install_properties(GObjectClass* object_class) {
    const auto settable =
        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    const auto live = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
    const auto readable = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    const auto add = [object_class](guint id, GParamSpec* spec) {
        g_object_class_install_property(object_class, id, spec);
    };
    add(prop_client_name,
        g_param_spec_string("client-name", "JACK client",
                            "JACK client, shared by all elements of the process that name it", "matriz", settable));
    add(prop_server_name,
        g_param_spec_string("server-name", "JACK server",
                            "JACK server (empty: $JACK_DEFAULT_SERVER or \"default\"); never started", "", settable));
    add(prop_port_prefix, g_param_spec_string("port-prefix", "Port prefix",
                                              "The ports are <client-name>:<port-prefix>_1…channels", "in", settable));
    add(prop_channels, g_param_spec_int("channels", "Channels",
                                        "Number of JACK ports; a mono stream goes to all of them", 1, 8, 2, settable));
    add(prop_playout_min,
        g_param_spec_double("playout-min", "Least delay",
                            "Lower bound of the playout delay, in milliseconds; the delay there is follows "
                            "the jitter of the packets",
                            0, 2000, 0, live));
    add(prop_playout_max, g_param_spec_double("playout-max", "Greatest delay",
                                              "Upper bound of the playout delay, in milliseconds", 0, 2000, 200, live));
    add(prop_red_pt, g_param_spec_int("red-pt", "RED payload type",
                                      "Payload type of RED packets (RFC 2198) among the others; -1: as the caps say",
                                      -1, 127, -1, settable));
    add(prop_red_codec,
        g_param_spec_string("red-codec", "Codec inside RED",
                            "What RED caps carry: opus, opus-custom, pcm16, pcm24 or float32", "opus", settable));
    add(prop_stats,
        g_param_spec_boxed("stats", "Statistics",
                           "playing (boolean); target-ms, delay-ms, jitter-ms, drift-ppm, level-peak, level-rms, "
                           "concealed-ms (double); received, lost, late, duplicates, reordered, recovered, "
                           "concealed, malformed, overflows, restarts, jumps, stray (guint64)",
                           GST_TYPE_STRUCTURE, readable));
}

}  // namespace

void matriz_jack_sink_push(GstElement* sink, std::span<const std::uint8_t> packet,
                           std::chrono::nanoseconds arrival) noexcept {
    player_of(sink).push(packet, arrival);
}

static void matriz_jack_sink_class_init(MatrizJackSinkClass* klass) {
    GST_DEBUG_CATEGORY_INIT(matriz_jack_sink_debug, "matrizjacksink", 0, "matriz playout through JACK");
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    install_properties(object_class);

    auto* element_class = GST_ELEMENT_CLASS(klass);
    gst_element_class_set_static_metadata(
        element_class, "matriz JACK sink", "Sink/Network/Audio",
        "Plays RTP audio through JACK, decoded in JACK's own thread, with the least delay "
        "its jitter allows",
        "matriz");
    GstCaps* caps = gst_caps_from_string(matriz::plugin::rtp_caps);
    gst_element_class_add_pad_template(element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
    gst_caps_unref(caps);

    auto* sink_class = GST_BASE_SINK_CLASS(klass);
    sink_class->start = start;
    sink_class->stop = stop;
    sink_class->set_caps = set_caps;
    sink_class->render = render;
    sink_class->render_list = render_list;
}

static void matriz_jack_sink_init(MatrizJackSink* self) {
    self->player = new JackPlayer;
    gst_base_sink_set_sync(GST_BASE_SINK(self), FALSE);  // the playout is the clock
    gst_base_sink_set_async_enabled(GST_BASE_SINK(self), FALSE);
    gst_base_sink_set_last_sample_enabled(GST_BASE_SINK(self), FALSE);
}

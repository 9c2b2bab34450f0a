// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/playout_element.hpp"

#include <string>

#include "common/base/error.hpp"
#include "plugins/gst/clock_player.hpp"
#include "plugins/gst/stats.hpp"

using matriz::plugin::ClockPlayer;

G_DEFINE_TYPE(MatrizPlayout, matriz_playout, GST_TYPE_ELEMENT)

namespace {

enum Property {
    prop_0,
    prop_channels,
    prop_rate,
    prop_period,
    prop_playout_min,
    prop_playout_max,
    prop_red_pt,
    prop_red_codec,
    prop_stats,
};

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(matriz::plugin::rtp_caps));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                            GST_STATIC_CAPS("audio/x-raw, format = (string) F32LE, layout = (string) "
                                            "interleaved, rate = (int) [ 8000, 384000 ], channels = (int) [ 1, 8 ]"));

MatrizPlayout* self_of(gpointer object) { return static_cast<MatrizPlayout*>(object); }
ClockPlayer& player_of(gpointer object) { return *self_of(object)->player; }

std::chrono::microseconds from_ms(double ms) { return std::chrono::microseconds(static_cast<std::int64_t>(ms * 1000)); }
double to_ms(std::chrono::microseconds us) { return static_cast<double>(us.count()) / 1000; }

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
    auto settings = player_of(object).settings();
    switch (id) {
        case prop_channels:
            settings.channels = g_value_get_int(value);
            break;
        case prop_rate:
            settings.rate = g_value_get_int(value);
            break;
        case prop_period:
            settings.period = from_ms(g_value_get_double(value));
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
        case prop_red_codec: {
            const char* text = g_value_get_string(value);
            if (const auto codec = matriz::dsp::codec_from_name(text ? text : ""))
                settings.red_codec = *codec;
            else
                g_warning("matrizplayout: codec \"%s\" is not known", text ? text : "");
            break;
        }
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
            return;
    }
    player_of(object).configure(settings);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    const auto settings = player_of(object).settings();
    switch (id) {
        case prop_channels:
            g_value_set_int(value, settings.channels);
            break;
        case prop_rate:
            g_value_set_int(value, settings.rate);
            break;
        case prop_period:
            g_value_set_double(value, to_ms(settings.period));
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

void finalize(GObject* object) noexcept {
    delete self_of(object)->player;
    G_OBJECT_CLASS(matriz_playout_parent_class)->finalize(object);
}

// ---- sink pad

GstFlowReturn chain(GstPad*, GstObject* parent, GstBuffer* buffer) noexcept {
    GstMapInfo map;
    if (gst_buffer_map(buffer, &map, GST_MAP_READ)) {
        player_of(parent).push({map.data, map.size});
        gst_buffer_unmap(buffer, &map);
    }
    gst_buffer_unref(buffer);
    return GST_FLOW_OK;
}

bool take_caps(MatrizPlayout* self, GstCaps* caps) {
    try {
        self->player->set_stream(matriz::plugin::stream_from_caps(caps, self->player->settings().red_codec));
        return true;
    } catch (const std::exception& error) {
        gchar* text = gst_caps_to_string(caps);
        GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("%s", matriz::describe(error).c_str()), ("caps %s", text));
        g_free(text);
        return false;
    }
}

gboolean sink_event(GstPad*, GstObject* parent, GstEvent* event) noexcept {
    auto* self = self_of(parent);
    switch (GST_EVENT_TYPE(event)) {
        case GST_EVENT_CAPS: {
            GstCaps* caps = nullptr;
            gst_event_parse_caps(event, &caps);
            const bool taken = take_caps(self, caps);
            gst_event_unref(event);
            return taken ? TRUE : FALSE;
        }
        case GST_EVENT_EOS:
            self->player->pause();
            return gst_pad_push_event(self->src, event);
        default:  // the samples have a stream, a segment and times of their own
            gst_event_unref(event);
            return TRUE;
    }
}

// ---- src pad

gboolean src_query(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
    if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return gst_pad_query_default(pad, parent, query);
    const auto period = std::chrono::nanoseconds(player_of(parent).settings().period);
    gst_query_set_latency(query, TRUE, static_cast<GstClockTime>(period.count()), GST_CLOCK_TIME_NONE);
    return TRUE;
}

void announce(MatrizPlayout* self, const ClockPlayer::Period& period) {
    GstCaps* const now = gst_pad_get_current_caps(self->src);
    GstCaps* const caps = gst_caps_new_simple("audio/x-raw", "format", G_TYPE_STRING, "F32LE", "layout", G_TYPE_STRING,
                                              "interleaved", "rate", G_TYPE_INT, static_cast<int>(period.rate.hz),
                                              "channels", G_TYPE_INT, period.channels, nullptr);
    if (period.channels > 2) gst_caps_set_simple(caps, "channel-mask", GST_TYPE_BITMASK, guint64{0}, nullptr);
    const bool same = now && gst_caps_is_equal(now, caps);
    if (!now) {
        gchar* id = gst_pad_create_stream_id(self->src, GST_ELEMENT(self), nullptr);
        gst_pad_push_event(self->src, gst_event_new_stream_start(id));
        g_free(id);
    }
    if (!same) gst_pad_push_event(self->src, gst_event_new_caps(caps));
    if (!now) {
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        gst_pad_push_event(self->src, gst_event_new_segment(&segment));
    }
    gst_caps_unref(caps);
    gst_clear_caps(const_cast<GstCaps**>(&now));
}

void loop(gpointer data) noexcept {
    auto* self = self_of(data);
    const auto period = self->player->next();
    if (!period) return;
    announce(self, *period);
    const GstFlowReturn result = gst_pad_push(self->src, period->buffer);
    if (result == GST_FLOW_OK) return;
    gst_pad_pause_task(self->src);
    if (result != GST_FLOW_FLUSHING && result != GST_FLOW_EOS) GST_ELEMENT_FLOW_ERROR(self, result);
}

gboolean activate_src(GstPad* pad, GstObject* parent, GstPadMode, gboolean active) noexcept {
    if (active) return gst_pad_start_task(pad, loop, parent, nullptr);
    player_of(parent).pause();
    return gst_pad_stop_task(pad);
}

GstStateChangeReturn change_state(GstElement* element, GstStateChange transition) noexcept {
    auto* self = self_of(element);
    if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED) self->player->pause();
    GstStateChangeReturn result = GST_ELEMENT_CLASS(matriz_playout_parent_class)->change_state(element, transition);
    if (result == GST_STATE_CHANGE_FAILURE) return result;
    switch (transition) {
        case GST_STATE_CHANGE_READY_TO_PAUSED:
        case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
            return GST_STATE_CHANGE_NO_PREROLL;
        case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
            if (GstClock* clock = gst_element_get_clock(element)) {
                self->player->start(clock, gst_element_get_base_time(element));
                gst_object_unref(clock);
            }
            return result;
        case GST_STATE_CHANGE_PAUSED_TO_READY:
            self->player->stop();
            return result;
        default:
            return result;
    }
}

void install_properties(GObjectClass* klass) {
    const auto settable =
        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    const auto live = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
    const auto add = [klass](guint id, GParamSpec* spec) { g_object_class_install_property(klass, id, spec); };
    add(prop_channels,
        g_param_spec_int("channels", "Channels", "Channels of the output; a mono stream goes to all of them", 1, 8, 2,
                         settable));
    add(prop_rate, g_param_spec_int("rate", "Rate", "Sample rate of the output, in Hz; 0: that of the stream", 0,
                                    384000, 0, settable));
    add(prop_period, g_param_spec_double("period", "Period", "Length of an output buffer, in milliseconds", 0.25, 100,
                                         2.5, settable));
    add(prop_playout_min,
        g_param_spec_double(
            "playout-min", "Least delay",
            "Lower bound of the playout delay, in milliseconds; the delay there is follows the jitter of "
            "the packets",
            0, 2000, 0, live));
    add(prop_playout_max, g_param_spec_double("playout-max", "Greatest delay",
                                              "Upper bound of the playout delay, in milliseconds", 0, 2000, 200, live));
    add(prop_red_pt, g_param_spec_int("red-pt", "RED payload type",
                                      "Payload type of RED packets (RFC 2198) among the others; -1: as the caps say",
                                      -1, 127, -1, settable));
    add(prop_red_codec,
        g_param_spec_string("red-codec", "Codec inside RED",
                            "What RED caps carry when they do not say: opus, opus-custom, pcm16, pcm24 or "
                            "float32",
                            "opus", settable));
    add(prop_stats, g_param_spec_boxed("stats", "Statistics", "As matrizjacksink's", GST_TYPE_STRUCTURE,
                                       static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

}  // namespace

static void matriz_playout_class_init(MatrizPlayoutClass* klass) {
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    install_properties(object_class);
    auto* element_class = GST_ELEMENT_CLASS(klass);
    element_class->change_state = change_state;
    gst_element_class_set_static_metadata(
        element_class, "matriz playout", "Codec/Depayloader/Network/RTP",
        "Turns RTP audio into samples with the least delay its jitter allows, paced by "
        "the pipeline's clock",
        "matriz");
    gst_element_class_add_static_pad_template(element_class, &sink_template);
    gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void matriz_playout_init(MatrizPlayout* self) {
    self->player = new ClockPlayer;
    self->sink = gst_pad_new_from_static_template(&sink_template, "sink");
    gst_pad_set_chain_function(self->sink, chain);
    gst_pad_set_event_function(self->sink, sink_event);
    gst_element_add_pad(GST_ELEMENT(self), self->sink);
    self->src = gst_pad_new_from_static_template(&src_template, "src");
    gst_pad_set_query_function(self->src, src_query);
    gst_pad_set_activatemode_function(self->src, activate_src);
    gst_pad_use_fixed_caps(self->src);
    gst_element_add_pad(GST_ELEMENT(self), self->src);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/rtp_pay.hpp"

#include <gst/audio/audio.h>
#include <gst/rtp/gstrtpbuffer.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "common/base/error.hpp"
#include "plugins/gst/rtp_payer.hpp"

using matriz::plugin::RtpPayer;

GST_DEBUG_CATEGORY_STATIC(matriz_rtp_pay_debug);
#define GST_CAT_DEFAULT matriz_rtp_pay_debug

G_DEFINE_TYPE(MatrizRtpPay, matriz_rtp_pay, GST_TYPE_RTP_BASE_PAYLOAD)

namespace {

enum Property {
    prop_0,
    prop_codec,
    prop_frame,
    prop_bitrate,
    prop_complexity,
    prop_expected_loss,
    prop_red,
    prop_red_block_pt,
    prop_redundancy,
    prop_redundancy_distance,
};

MatrizRtpPay* self_of(gpointer object) { return static_cast<MatrizRtpPay*>(object); }
RtpPayer& payer_of(gpointer object) { return *self_of(object)->payer; }

void set_codec(GObject* object, matriz::plugin::PaySettings& settings, const char* text) {
    if (const auto codec = matriz::dsp::codec_from_name(text ? text : ""))
        settings.codec = *codec;
    else
        GST_WARNING_OBJECT(object, "codec \"%s\" is not known", text ? text : "");
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
    auto settings = payer_of(object).settings();
    switch (id) {
        case prop_codec:
            set_codec(object, settings, g_value_get_string(value));
            break;
        case prop_frame:
            settings.frame = g_value_get_int(value);
            break;
        case prop_bitrate:
            settings.bitrate = g_value_get_int(value);
            break;
        case prop_complexity:
            settings.complexity = g_value_get_int(value);
            break;
        case prop_expected_loss:
            settings.expected_loss = g_value_get_int(value);
            break;
        case prop_red:
            settings.red = g_value_get_boolean(value) != FALSE;
            break;
        case prop_red_block_pt:
            settings.red_block_type = g_value_get_int(value);
            break;
        case prop_redundancy:
            settings.redundancy.depth = g_value_get_int(value);
            break;
        case prop_redundancy_distance:
            settings.redundancy.distance = g_value_get_int(value);
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
            return;
    }
    payer_of(object).configure(settings);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
    const auto settings = payer_of(object).settings();
    switch (id) {
        case prop_codec:
            g_value_set_string(value, std::string(matriz::dsp::name(settings.codec)).c_str());
            break;
        case prop_frame:
            g_value_set_int(value, settings.frame);
            break;
        case prop_bitrate:
            g_value_set_int(value, settings.bitrate);
            break;
        case prop_complexity:
            g_value_set_int(value, settings.complexity);
            break;
        case prop_expected_loss:
            g_value_set_int(value, settings.expected_loss);
            break;
        case prop_red:
            g_value_set_boolean(value, settings.red ? TRUE : FALSE);
            break;
        case prop_red_block_pt:
            g_value_set_int(value, settings.red_block_type);
            break;
        case prop_redundancy:
            g_value_set_int(value, settings.redundancy.depth);
            break;
        case prop_redundancy_distance:
            g_value_set_int(value, settings.redundancy.distance);
            break;
        default:
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

/// Only the rates of the codec, so that a resampler before this knows what to do.
GstCaps* get_caps(GstRTPBasePayload* base, GstPad* pad, GstCaps* filter) noexcept {
    GstCaps* caps = gst_pad_get_pad_template_caps(pad);
    const auto codec = payer_of(base).settings().codec;
    if (codec == matriz::dsp::CodecId::opus || codec == matriz::dsp::CodecId::opus_custom) {
        const char* rates = codec == matriz::dsp::CodecId::opus
                                ? "audio/x-raw, rate = (int) 48000"
                                : "audio/x-raw, rate = (int) { 48000, 44100, 96000, 88200 }";
        GstCaps* possible = gst_caps_from_string(rates);
        GstCaps* both = gst_caps_intersect(caps, possible);
        gst_caps_unref(possible);
        gst_caps_unref(caps);
        caps = both;
    }
    if (filter) {
        GstCaps* filtered = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
        gst_caps_unref(caps);
        caps = filtered;
    }
    return caps;
}

gboolean set_caps(GstRTPBasePayload* base, GstCaps* caps) noexcept {
    GstAudioInfo info;
    if (!gst_audio_info_from_caps(&info, caps)) return FALSE;
    payer_of(base).set_input({static_cast<std::uint32_t>(GST_AUDIO_INFO_RATE(&info))}, GST_AUDIO_INFO_CHANNELS(&info));
    return TRUE;
}

/// Makes the encoder and says downstream what will come.
bool start(GstRTPBasePayload* base, std::int64_t frames) {
    try {
        const auto stream = payer_of(base).start(frames, static_cast<int>(GST_RTP_BASE_PAYLOAD_PT(base)));
        gst_rtp_base_payload_set_options(base, "audio", TRUE, matriz::plugin::encoding_name(stream),
                                         stream.format.rate.hz);
        GstStructure* fields = gst_structure_new_empty("application/x-rtp");
        matriz::plugin::set_stream_fields(fields, stream);
        const bool accepted = gst_rtp_base_payload_set_outcaps_structure(base, fields) != FALSE;
        gst_structure_free(fields);
        gst_element_post_message(GST_ELEMENT(base), gst_message_new_latency(GST_OBJECT(base)));
        return accepted;
    } catch (const std::exception& error) {
        GST_ELEMENT_ERROR(base, STREAM, ENCODE, ("%s", matriz::describe(error).c_str()), (nullptr));
        return false;
    }
}

GstFlowReturn send(GstRTPBasePayload* base, const RtpPayer::Packet& packet) {
    GstBuffer* out = gst_rtp_base_payload_allocate_output_buffer(base, static_cast<guint>(packet.bytes.size()), 0, 0);
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    if (!gst_rtp_buffer_map(out, GST_MAP_WRITE, &rtp)) {
        gst_buffer_unref(out);
        return GST_FLOW_ERROR;
    }
    std::memcpy(gst_rtp_buffer_get_payload(&rtp), packet.bytes.data(), packet.bytes.size());
    gst_rtp_buffer_set_marker(&rtp, packet.marker ? TRUE : FALSE);
    gst_rtp_buffer_unmap(&rtp);
    GST_BUFFER_PTS(out) = packet.pts;
    GST_BUFFER_DURATION(out) = packet.duration;
    GST_BUFFER_OFFSET(out) = static_cast<guint64>(packet.position);  // the base class counts RTP time in it
    if (packet.marker) GST_BUFFER_FLAG_SET(out, GST_BUFFER_FLAG_DISCONT);
    return gst_rtp_base_payload_push(base, out);
}

GstFlowReturn handle_buffer(GstRTPBasePayload* base, GstBuffer* buffer) noexcept {
    GstFlowReturn flow = GST_FLOW_OK;
    GstMapInfo map;
    if (gst_buffer_map(buffer, &map, GST_MAP_READ)) {
        const std::span samples(reinterpret_cast<const float*>(map.data), map.size / sizeof(float));
        const auto each = [base, &flow](const RtpPayer::Packet& packet) {
            return (flow = send(base, packet)) == GST_FLOW_OK;
        };
        if (!payer_of(base).push(samples, GST_BUFFER_PTS(buffer), GST_BUFFER_OFFSET(buffer),
                                 GST_BUFFER_IS_DISCONT(buffer), each) &&
            flow == GST_FLOW_OK) {
            GST_ELEMENT_ERROR(base, STREAM, ENCODE, ("The encoder failed."), (nullptr));
            flow = GST_FLOW_ERROR;
        }
        gst_buffer_unmap(buffer, &map);
    }
    gst_buffer_unref(buffer);
    return flow;
}

/// Before the base class' own, which would announce caps although nothing is known yet that belongs there.
GstFlowReturn chain(GstPad* pad, GstObject* parent, GstBuffer* buffer) noexcept {
    auto* base = GST_RTP_BASE_PAYLOAD(parent);
    const int channels = payer_of(base).channels();
    const gsize frames =
        channels > 0 ? gst_buffer_get_size(buffer) / (sizeof(float) * static_cast<gsize>(channels)) : 0;
    if (channels == 0 ||
        (frames > 0 && payer_of(base).needs_start() && !start(base, static_cast<std::int64_t>(frames)))) {
        gst_buffer_unref(buffer);
        return GST_FLOW_NOT_NEGOTIATED;
    }
    if (frames == 0) {
        gst_buffer_unref(buffer);
        return GST_FLOW_OK;
    }
    return self_of(parent)->base_chain(pad, parent, buffer);
}

gboolean sink_event(GstRTPBasePayload* base, GstEvent* event) noexcept {
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) payer_of(base).flush();
    return GST_RTP_BASE_PAYLOAD_CLASS(matriz_rtp_pay_parent_class)->sink_event(base, event);
}

gboolean query(GstRTPBasePayload* base, GstPad* pad, GstQuery* query) noexcept {
    const auto parent = GST_RTP_BASE_PAYLOAD_CLASS(matriz_rtp_pay_parent_class)->query;
    if (!parent(base, pad, query)) return FALSE;
    if (GST_PAD_IS_SRC(pad) && GST_QUERY_TYPE(query) == GST_QUERY_LATENCY) {
        gboolean live = FALSE;
        GstClockTime min = 0;
        GstClockTime max = 0;
        gst_query_parse_latency(query, &live, &min, &max);
        const GstClockTime own = payer_of(base).latency();
        gst_query_set_latency(query, live, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
    }
    return TRUE;
}

GstStateChangeReturn change_state(GstElement* element, GstStateChange change) noexcept {
    const auto result = GST_ELEMENT_CLASS(matriz_rtp_pay_parent_class)->change_state(element, change);
    if (change == GST_STATE_CHANGE_PAUSED_TO_READY) payer_of(element).forget_input();
    return result;
}

void finalize(GObject* object) noexcept {
    delete self_of(object)->payer;
    G_OBJECT_CLASS(matriz_rtp_pay_parent_class)->finalize(object);
}

void install_properties(GObjectClass* object_class) {
    const auto settable =
        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
    const auto live = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
    const auto add = [object_class](guint id, GParamSpec* spec) {
        g_object_class_install_property(object_class, id, spec);
    };
    add(prop_codec,
        g_param_spec_string("codec", "Codec", "opus, opus-custom, pcm16, pcm24 or float32", "opus", settable));
    add(prop_frame,
        g_param_spec_int(
            "frame", "Frame",
            "Audio frames a packet: 120, 240, 480 or 960 for opus, otherwise the JACK period, which is split "
            "evenly if it does not fit 1200 bytes; 0: 120 for opus, otherwise as in the first buffer",
            0, 8192, 0, settable));
    add(prop_bitrate, g_param_spec_int("bitrate", "Bitrate",
                                       "Bits a second of opus and opus-custom, all channels together; 0: a good one", 0,
                                       10000000, 0, live));
    add(prop_complexity, g_param_spec_int("complexity", "Complexity",
                                          "How much CPU opus and opus-custom spend on quality", 0, 10, 10, settable));
    add(prop_expected_loss,
        g_param_spec_int("expected-loss", "Expected loss",
                         "Percent of packets; the more, the less do opus and opus-custom build upon earlier packets", 0,
                         100, 2, live));
    add(prop_red, g_param_spec_boolean("red", "RED",
                                       "Wrap packets in RED (RFC 2198), whose payload type `pt` is then; so too if "
                                       "`redundancy` is above 0 at the start",
                                       FALSE, settable));
    add(prop_red_block_pt, g_param_spec_int("red-block-pt", "Payload type inside RED",
                                            "Payload type of what is inside RED", 0, 127, 97, settable));
    add(prop_redundancy, g_param_spec_int("redundancy", "Redundancy", "Packets of the past that ride along inside RED",
                                          0, matriz::dsp::Redundancy::max_depth, 0, live));
    add(prop_redundancy_distance,
        g_param_spec_int("redundancy-distance", "Distance of redundancy",
                         "Packets from one of the past that rides along to the next: 2 outlives a burst of two", 1,
                         matriz::dsp::Redundancy::max_distance, 1, live));
}

}  // namespace

static void matriz_rtp_pay_class_init(MatrizRtpPayClass* klass) {
    GST_DEBUG_CATEGORY_INIT(matriz_rtp_pay_debug, "matrizrtppay", 0, "matriz RTP payloader");
    auto* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->finalize = finalize;
    install_properties(object_class);

    auto* element_class = GST_ELEMENT_CLASS(klass);
    element_class->change_state = change_state;
    gst_element_class_set_static_metadata(
        element_class, "matriz RTP payloader", "Codec/Encoder/Payloader/Network/RTP",
        "Encodes audio with Opus, Opus Custom or as PCM, one packet a frame, and puts it "
        "in RTP",
        "matriz");
    static GstStaticPadTemplate sink =
        GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                                GST_STATIC_CAPS("audio/x-raw, format = (string) " GST_AUDIO_NE(
                                    F32) ", layout = (string) interleaved, "
                                         "rate = (int) [ 8000, 192000 ], channels = (int) [ 1, 8 ]"));
    static GstStaticPadTemplate src = GST_STATIC_PAD_TEMPLATE(
        "src", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS("application/x-rtp, media = (string) audio, payload = (int) [ 96, 127 ], "
                        "clock-rate = (int) [ 8000, 192000 ], encoding-name = (string) { OPUS, "
                        "MULTIOPUS, L16, L24, X-MATRIZ-F32, X-MATRIZ-OPUS-CUSTOM, RED }"));
    gst_element_class_add_static_pad_template(element_class, &sink);
    gst_element_class_add_static_pad_template(element_class, &src);

    auto* pay_class = GST_RTP_BASE_PAYLOAD_CLASS(klass);
    pay_class->get_caps = get_caps;
    pay_class->set_caps = set_caps;
    pay_class->handle_buffer = handle_buffer;
    pay_class->sink_event = sink_event;
    pay_class->query = query;
}

static void matriz_rtp_pay_init(MatrizRtpPay* self) {
    self->payer = new RtpPayer;
    GstPad* sink = GST_RTP_BASE_PAYLOAD_SINKPAD(self);
    self->base_chain = GST_PAD_CHAINFUNC(sink);
    gst_pad_set_chain_function(sink, chain);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/rtp_caps.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <string>
#include <string_view>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/opus_custom.hpp"

namespace matriz::plugin {

namespace {

struct Encoding {
    const char* name;
    dsp::CodecId codec;
};

/// The first of a codec is the one that is sent.
constexpr std::array encodings{
    Encoding{"OPUS", dsp::CodecId::opus},
    Encoding{"MULTIOPUS", dsp::CodecId::opus},
    Encoding{"X-GST-OPUS-DRAFT-SPITTKA-00", dsp::CodecId::opus},
    Encoding{"L16", dsp::CodecId::pcm16},
    Encoding{"L24", dsp::CodecId::pcm24},
    Encoding{"X-MATRIZ-F32", dsp::CodecId::float32},
    Encoding{"X-MATRIZ-OPUS-CUSTOM", dsp::CodecId::opus_custom},
};

std::string upper(const char* text) {
    std::string result = text ? text : "";
    for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return result;
}

dsp::CodecId codec_of(const std::string& encoding) {
    for (const Encoding& known : encodings)
        if (encoding == known.name) return known.codec;
    throw Error(
        "RTP encoding \"{}\" is not known: OPUS, MULTIOPUS, L16, L24, X-MATRIZ-F32, X-MATRIZ-OPUS-CUSTOM and RED are",
        encoding);
}

int number(std::string_view text, const char* field) {
    int value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size())
        throw Error("RTP parameter {}=\"{}\" is not a number", field, text);
    return value;
}

/// SDP attributes arrive in caps as strings, GStreamer's own elements write integers as well.
int integer(const GstStructure* structure, const char* field, int fallback) {
    int value = 0;
    if (gst_structure_get_int(structure, field, &value)) return value;
    const char* text = gst_structure_get_string(structure, field);
    return text ? number(text, field) : fallback;
}

/// num_streams, coupled_streams and channel_mapping of MULTIOPUS.
dsp::OpusLayout opus_layout(const GstStructure* structure, int channels) {
    const char* mapping = gst_structure_get_string(structure, "channel_mapping");
    if (!mapping) return dsp::opus_pairs(channels);
    dsp::OpusLayout layout{.streams = integer(structure, "num_streams", 0),
                           .coupled = integer(structure, "coupled_streams", 0)};
    std::string_view rest = mapping;
    for (int c = 0; c < channels; ++c) {
        const auto comma = std::min(rest.find(','), rest.size());
        const int decoded = number(rest.substr(0, comma), "channel_mapping");
        if (decoded < 0 || decoded > 255) throw Error("RTP parameter channel_mapping=\"{}\" is out of range", mapping);
        layout.mapping[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(decoded);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    // What nobody hears is not worth decoding: 255 streams of it would take the audio thread all its time.
    if (layout.streams < 1 || layout.coupled < 0 || layout.coupled > layout.streams ||
        layout.streams + layout.coupled > channels)
        throw Error("MULTIOPUS with {} streams, {} of them stereo, is impossible for {} channels", layout.streams,
                    layout.coupled, channels);
    return layout;
}

dsp::CodecId codec_inside_red(const GstStructure* structure, dsp::CodecId otherwise) {
    const char* text = gst_structure_get_string(structure, "red-codec");
    if (!text) return otherwise;
    if (const auto codec = dsp::codec_from_name(text)) return *codec;
    throw Error("RED packets carry the codec \"{}\", which is not known", text);
}

void set_channels(const GstStructure* structure, dsp::StreamFormat& format) {
    const int announced = integer(structure, "encoding-params", integer(structure, "channels", 1));
    if (announced < 1 || announced > dsp::max_channels)
        throw Error("{} channels: 1 to {} are possible", announced, dsp::max_channels);
    format.channels = announced;
    if (format.codec != dsp::CodecId::opus) return;
    // RFC 7587 always announces two channels; what is meant stands in sprop-stereo, what is decoded is ours to choose.
    if (announced <= 2)
        format.channels = integer(structure, "sprop-stereo", announced == 2 ? 1 : 0) != 0 ? 2 : 1;
    else
        format.layout = opus_layout(structure, announced);
}

void set_string(GstStructure* structure, const char* field, const std::string& value) {
    gst_structure_set(structure, field, G_TYPE_STRING, value.c_str(), nullptr);
}

void set_opus_fields(GstStructure* structure, const dsp::StreamFormat& format) {
    if (format.channels <= 2) {
        set_string(structure, "encoding-params", "2");
        set_string(structure, "sprop-stereo", format.channels == 2 ? "1" : "0");
        set_string(structure, "sprop-maxcapturerate", "48000");
        return;
    }
    const dsp::OpusLayout layout = format.layout.streams > 0 ? format.layout : dsp::opus_pairs(format.channels);
    std::string mapping;
    for (int c = 0; c < format.channels; ++c)
        mapping += (c ? "," : "") + std::to_string(layout.mapping[static_cast<std::size_t>(c)]);
    set_string(structure, "num_streams", std::to_string(layout.streams));
    set_string(structure, "coupled_streams", std::to_string(layout.coupled));
    set_string(structure, "channel_mapping", mapping);
}

}  // namespace

GstCaps* make_red_caps(GstCaps* caps, int red_payload_type) {
    RtpStream stream = stream_from_caps(caps, dsp::CodecId::opus);
    if (stream.red_payload_type >= 0) throw Error("these packets are RED already");
    stream.red_payload_type = red_payload_type;
    GstCaps* red = gst_caps_copy(caps);
    GstStructure* fields = gst_caps_get_structure(red, 0);
    gst_structure_remove_field(fields, "channels");
    set_stream_fields(fields, stream);
    gst_structure_set(fields, "payload", G_TYPE_INT, red_payload_type, nullptr);
    return red;
}

const char* encoding_name(const RtpStream& stream) noexcept {
    if (stream.red_payload_type >= 0) return "RED";
    if (stream.format.codec == dsp::CodecId::opus && stream.format.channels > 2) return "MULTIOPUS";
    for (const Encoding& known : encodings)
        if (known.codec == stream.format.codec) return known.name;
    return "";
}

RtpStream stream_from_caps(const GstCaps* caps, dsp::CodecId inside_red) {
    if (!caps || gst_caps_get_size(caps) == 0) throw Error("no caps");
    const GstStructure* structure = gst_caps_get_structure(caps, 0);
    RtpStream stream;
    const std::string encoding = upper(gst_structure_get_string(structure, "encoding-name"));
    const int payload = integer(structure, "payload", -1);
    if (encoding == "RED") {
        stream.red_payload_type = payload;
        stream.payload_type = integer(structure, "red-pt", -1);
        stream.format.codec = codec_inside_red(structure, inside_red);
    } else {
        stream.format.codec = codec_of(encoding);
        stream.payload_type = payload;
    }
    const int rate = integer(structure, "clock-rate", 0);
    if (rate < 8000 || rate > 192000) throw Error("RTP clock rate {}: 8000 to 192000 are possible", rate);
    stream.format.rate = {static_cast<std::uint32_t>(rate)};
    set_channels(structure, stream.format);
    stream.format.frame = {integer(structure, "frame", 0)};
    if (stream.format.codec == dsp::CodecId::opus_custom &&
        !dsp::opus_custom_unit(stream.format.rate, stream.format.frame))
        throw Error("opus-custom with {} frames a packet at {} Hz cannot be decoded here", stream.format.frame.count,
                    rate);
    return stream;
}

void set_stream_fields(GstStructure* structure, const RtpStream& stream) {
    const dsp::StreamFormat& format = stream.format;
    set_string(structure, "encoding-name", encoding_name(stream));
    gst_structure_set(structure, "clock-rate", G_TYPE_INT, static_cast<int>(format.rate.hz), nullptr);
    set_string(structure, "encoding-params", std::to_string(format.channels));
    if (format.codec == dsp::CodecId::opus)
        set_opus_fields(structure, format);
    else if (stream.red_payload_type < 0)
        gst_structure_set(structure, "channels", G_TYPE_INT, format.channels, nullptr);
    if (format.codec == dsp::CodecId::opus_custom) set_string(structure, "frame", std::to_string(format.frame.count));
    if (stream.red_payload_type >= 0) {
        set_string(structure, "red-codec", std::string(dsp::name(format.codec)));
        if (stream.payload_type >= 0) set_string(structure, "red-pt", std::to_string(stream.payload_type));
    }
}

}  // namespace matriz::plugin

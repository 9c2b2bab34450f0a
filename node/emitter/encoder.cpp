// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/encoder.hpp"

#include <fmt/format.h>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "node/emitter/stream_rate.hpp"
#include "node/gst/pipeline.hpp"
#include "plugins/dsp/codec/opus_custom.hpp"

namespace matriz::emitter {
namespace {

/// opusenc's names of its frame sizes.
const char* frame_nick(std::chrono::microseconds frame) {
    switch (frame.count()) {
        case 2500:
            return "2.5";
        case 5000:
            return "5";
        case 10000:
            return "10";
        case 20000:
            return "20";
        default:
            throw Error("Opus has no frames of {} ms; 2.5, 5, 10 and 20 are possible",
                        static_cast<double>(frame.count()) / 1e3);
    }
}

/// Opus as RFC 7587 has it, from stock elements.
gst::Ref<GstElement> make_opus(const StreamConfig& stream) {
    constexpr int most_bytes = 1200 - 40;  // a packet that fits any path's MTU
    constexpr int expected_loss = 2;       // percent, as matrizrtppay has it: see dsp::EncoderConfig
    const auto description = fmt::format(
        "audioconvert ! audioresample ! audio/x-raw,rate=48000 ! "
        "opusenc frame-size={} audio-type=restricted-lowdelay bitrate={} bitrate-type=constrained-vbr "
        "max-payload-size={} packet-loss-percentage={} ! "
        "rtpopuspay mtu=1200 dtx=false",
        frame_nick(stream.frame), stream.bitrate, most_bytes, expected_loss);
    glib::ErrorSlot error;
    auto bin = gst::Ref<GstElement>::sink(gst_parse_bin_from_description(description.c_str(), TRUE, error.out()));
    if (!bin || error) throw Error("cannot make the Opus encoder: {}", error.message());
    return bin;
}

/// More channels than RFC 7587 has: MULTIOPUS, pairs of channels, which stock elements cannot make of channels that are
/// no loudspeakers.
gst::Ref<GstElement> make_multichannel_opus(const StreamConfig& stream) {
    frame_nick(stream.frame);  // for its complaint
    const auto description =
        fmt::format("audioresample ! audio/x-raw,rate=48000 ! matrizrtppay codec=opus frame={} bitrate={}",
                    stream.frame.count() * 48 / 1000, stream.bitrate);
    glib::ErrorSlot error;
    auto bin = gst::Ref<GstElement>::sink(gst_parse_bin_from_description(description.c_str(), TRUE, error.out()));
    if (!bin || error) throw Error("cannot make the Opus encoder: {}", error.message());
    return bin;
}

/// One packet a JACK period, in a codec that only matriz nodes ask for.
gst::Ref<GstElement> make_periodic(const StreamConfig& stream, const JackTiming& timing) {
    if (stream.codec == dsp::CodecId::opus_custom && !dsp::opus_custom_unit(timing.rate, timing.period))
        throw Error("Opus Custom has no mode for it");
    auto encoder = gst::make_element("matrizrtppay");
    g_object_set(encoder.get(), "codec", std::string(dsp::name(stream.codec)).c_str(), "frame",
                 static_cast<int>(pcm_packet(stream, timing).count), "bitrate",
                 stream.codec == dsp::CodecId::opus_custom ? stream.bitrate : 0, nullptr);
    return encoder;
}

}  // namespace

gst::Ref<GstElement> make_encoder(const StreamConfig& stream, const JackTiming& timing) {
    if (stream.codec != dsp::CodecId::opus) return make_periodic(stream, timing);
    return stream.channels > 2 ? make_multichannel_opus(stream) : make_opus(stream);
}

}  // namespace matriz::emitter

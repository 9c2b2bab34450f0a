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

/// In audio frames at 48 kHz, in which Opus counts.
int opus_frame(std::chrono::microseconds frame) {
    switch (frame.count()) {
        case 2500:
        case 5000:
        case 10000:
        case 20000:
            return static_cast<int>(frame.count() * 48 / 1000);
        default:
            throw Error("Opus has no frames of {} ms; 2.5, 5, 10 and 20 are possible",
                        static_cast<double>(frame.count()) / 1e3);
    }
}

/// Opus as RFC 7587 has it; over two channels MULTIOPUS. Why not with opusenc: see docs/codecs.md.
gst::Ref<GstElement> make_opus(const StreamConfig& stream, const JackTiming& timing) {
    const int frame = opus_frame(stream.frame);
    constexpr SampleRate opus_rate{48000};
    if (timing.rate == opus_rate) {
        auto encoder = gst::make_element("matrizrtppay");
        g_object_set(encoder.get(), "codec", "opus", "frame", frame, "bitrate", stream.bitrate, nullptr);
        return encoder;
    }
    const auto description = fmt::format(
        "audioresample ! audio/x-raw,rate=48000 ! matrizrtppay codec=opus frame={} bitrate={}", frame, stream.bitrate);
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
    return stream.codec == dsp::CodecId::opus ? make_opus(stream, timing) : make_periodic(stream, timing);
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/stream_rate.hpp"

#include "plugins/dsp/codec/pcm_encoder.hpp"

namespace matriz::emitter {
namespace {

/// Bytes of one sample; 0: the codec compresses.
std::size_t sample_size(dsp::CodecId codec) noexcept {
    switch (codec) {
        case dsp::CodecId::pcm16:
            return dsp::Pcm16::size;
        case dsp::CodecId::pcm24:
            return dsp::Pcm24::size;
        case dsp::CodecId::float32:
            return dsp::Float32::size;
        case dsp::CodecId::opus:
        case dsp::CodecId::opus_custom:
            return 0;
    }
    return 0;
}

}  // namespace

Frames pcm_packet(const StreamConfig& stream, const JackTiming& timing) noexcept {
    constexpr std::size_t most_with_copy = (dsp::max_encoded_size - 5) / 2;  // the headers of two blocks, RFC 2198, 3
    const std::size_t frame_size = sample_size(stream.codec) * static_cast<std::size_t>(stream.channels);
    if (frame_size == 0) return timing.period;
    return Frames{dsp::split_evenly(static_cast<int>(timing.period.count), frame_size,
                                    stream.redundant ? most_with_copy : dsp::max_encoded_size)};
}

StreamRate stream_rate(const StreamConfig& stream, const JackTiming& timing) noexcept {
    if (stream.codec == dsp::CodecId::opus) return {.packet = stream.frame, .bitrate = stream.bitrate};
    const std::size_t frame_size = sample_size(stream.codec) * static_cast<std::size_t>(stream.channels);
    if (frame_size == 0) return {.packet = duration(timing.period, timing.rate), .bitrate = stream.bitrate};
    return {.packet = duration(pcm_packet(stream, timing), timing.rate),
            .bitrate = static_cast<int>(8 * frame_size * timing.rate.hz)};
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/opus_encoder.hpp"

#include <algorithm>

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {

constexpr int opus_rate = 48000;
constexpr int least_bitrate = 6000;  // a channel; libopus knows nothing below

}  // namespace

OpusStreamEncoder::OpusStreamEncoder(const EncoderConfig& config)
    : channels_(config.format.channels), frame_(static_cast<int>(config.format.frame.count)) {
    if (config.format.rate.hz != opus_rate)
        throw Error("opus at {} Hz: RTP carries it at 48000 only", config.format.rate.hz);
    if (frame_ != 120 && frame_ != 240 && frame_ != 480 && frame_ != 960)
        throw Error("opus with {} frames a packet: 120, 240, 480 and 960 (2.5, 5, 10, 20 ms) are supported", frame_);
    const OpusLayout layout = config.format.layout.streams > 0 ? config.format.layout : opus_pairs(channels_);
    int error = OPUS_OK;
    if (layout == opus_pairs(channels_) && layout.streams == 1)
        single_.reset(opus_encoder_create(opus_rate, channels_, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error));
    else
        several_.reset(opus_multistream_encoder_create(opus_rate, channels_, layout.streams, layout.coupled,
                                                       layout.mapping.data(), OPUS_APPLICATION_RESTRICTED_LOWDELAY,
                                                       &error));
    if (!single_ && !several_)
        throw Error("opus encoder for {} channels in {} streams, {} of them stereo: {}", channels_, layout.streams,
                    layout.coupled, opus_strerror(error));
    control(OPUS_SET_VBR(0));
    control(OPUS_SET_COMPLEXITY(std::clamp(config.complexity, 0, 10)));
    set_expected_loss(config.expected_loss);
    set_bitrate(config.bitrate > 0 ? config.bitrate : default_bitrate(config.format));
}

int OpusStreamEncoder::delay() const noexcept {
    opus_int32 lookahead = 0;
    control(OPUS_GET_LOOKAHEAD(&lookahead));
    return lookahead;
}

std::size_t OpusStreamEncoder::encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept {
    const auto room = static_cast<opus_int32>(out.size());
    const int size = single_ ? opus_encode_float(single_.get(), in, frame_, out.data(), room)
                             : opus_multistream_encode_float(several_.get(), in, frame_, out.data(), room);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

void OpusStreamEncoder::set_bitrate(int bits_per_second) noexcept {
    constexpr auto most_bytes = static_cast<std::int64_t>(max_encoded_size);
    const auto most = static_cast<int>(most_bytes * 8 * opus_rate / frame_);
    control(OPUS_SET_BITRATE(std::clamp(bits_per_second, least_bitrate * channels_, most)));
}

void OpusStreamEncoder::set_expected_loss(int percent) noexcept {
    control(OPUS_SET_PACKET_LOSS_PERC(std::clamp(percent, 0, 100)));
}

void OpusStreamEncoder::reset() noexcept { control(OPUS_RESET_STATE); }

}  // namespace matriz::dsp

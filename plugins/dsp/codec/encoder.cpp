// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/encoder.hpp"

#include "common/base/error.hpp"
#include "plugins/dsp/codec/opus_custom_encoder.hpp"
#include "plugins/dsp/codec/opus_encoder.hpp"
#include "plugins/dsp/codec/pcm_encoder.hpp"

namespace matriz::dsp {

int default_bitrate(const StreamFormat& format) noexcept {
    switch (format.codec) {
        case CodecId::opus:
            return format.channels * (format.frame.count <= 120 ? 80000 : 64000);
        case CodecId::opus_custom:
            return format.channels * 144000;
        default:
            return 0;
    }
}

std::unique_ptr<Encoder> make_encoder(const EncoderConfig& config) {
    const StreamFormat& format = config.format;
    if (format.channels < 1 || format.channels > max_channels)
        throw Error("{} with {} channels: 1 to {} are supported", name(format.codec), format.channels, max_channels);
    if (format.rate.hz < 8000 || format.rate.hz > 192000)
        throw Error("{} at {} Hz: 8000 to 192000 are supported", name(format.codec), format.rate.hz);
    switch (format.codec) {
        case CodecId::opus:
            return std::make_unique<OpusStreamEncoder>(config);
        case CodecId::opus_custom:
            return std::make_unique<OpusCustomStreamEncoder>(config);
        case CodecId::pcm16:
            return std::make_unique<PcmEncoder<Pcm16>>(format);
        case CodecId::pcm24:
            return std::make_unique<PcmEncoder<Pcm24>>(format);
        case CodecId::float32:
            return std::make_unique<PcmEncoder<Float32>>(format);
    }
    throw Error("unknown codec");
}

}  // namespace matriz::dsp

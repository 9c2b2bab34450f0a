// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/codec.hpp"

#include <array>
#include <utility>

#include "common/base/error.hpp"
#include "plugins/dsp/codec/opus_custom_decoder.hpp"
#include "plugins/dsp/codec/opus_decoder.hpp"
#include "plugins/dsp/codec/pcm_decoder.hpp"

namespace matriz::dsp {

namespace {

constexpr std::array<std::pair<CodecId, std::string_view>, 5> codec_names{{
    {CodecId::opus, "opus"},
    {CodecId::opus_custom, "opus-custom"},
    {CodecId::pcm16, "pcm16"},
    {CodecId::pcm24, "pcm24"},
    {CodecId::float32, "float32"},
}};

}  // namespace

std::string_view name(CodecId codec) noexcept {
    for (const auto& [id, text] : codec_names)
        if (id == codec) return text;
    return "unknown";
}

std::optional<CodecId> codec_from_name(std::string_view name) noexcept {
    for (const auto& [id, text] : codec_names)
        if (text == name) return id;
    return std::nullopt;
}

OpusLayout opus_pairs(int channels) noexcept {
    OpusLayout layout{.streams = (channels + 1) / 2, .coupled = channels / 2};
    for (int c = 0; c < channels && c < max_channels; ++c)
        layout.mapping[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(c);
    return layout;
}

std::unique_ptr<Decoder> make_decoder(const StreamFormat& format) {
    if (format.channels < 1 || format.channels > max_channels)
        throw Error("{} stream with {} channels: 1 to {} are supported", name(format.codec), format.channels,
                    max_channels);
    if (format.rate.hz < 8000 || format.rate.hz > 192000)
        throw Error("{} stream at {} Hz: 8000 to 192000 are supported", name(format.codec), format.rate.hz);
    switch (format.codec) {
        case CodecId::opus:
            return std::make_unique<OpusStreamDecoder>(format);
        case CodecId::pcm16:
            return std::make_unique<PcmDecoder<Pcm16>>(format);
        case CodecId::pcm24:
            return std::make_unique<PcmDecoder<Pcm24>>(format);
        case CodecId::float32:
            return std::make_unique<PcmDecoder<Float32>>(format);
        case CodecId::opus_custom:
            return std::make_unique<OpusCustomStreamDecoder>(format);
    }
    throw Error("unknown codec");
}

}  // namespace matriz::dsp

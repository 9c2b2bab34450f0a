// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/opus_custom_encoder.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/bytes.hpp"

namespace matriz::dsp {

namespace {

constexpr std::size_t length_size = 2;
constexpr std::int64_t least_unit_size = 8;  // below, nothing but noise is left
constexpr std::int64_t most_unit_size = 1275;

}  // namespace

OpusCustomStreamEncoder::OpusCustomStreamEncoder(const EncoderConfig& config)
    : layout_(config.format),
      rate_(static_cast<std::int64_t>(config.format.rate.hz)),
      streams_(static_cast<std::size_t>(layout_.streams())),
      pair_(2 * static_cast<std::size_t>(layout_.unit())) {
    for (int stream = 0; stream < layout_.streams(); ++stream) {
        auto& encoder = streams_[static_cast<std::size_t>(stream)].encoder;
        int error = OPUS_OK;
        encoder.reset(opus_custom_encoder_create(layout_.mode(), layout_.channels_of(stream), &error));
        if (!encoder) throw Error("opus-custom encoder: {}", opus_strerror(error));
        opus_custom_encoder_ctl(encoder.get(), OPUS_SET_VBR(0));
        opus_custom_encoder_ctl(encoder.get(), OPUS_SET_COMPLEXITY(std::clamp(config.complexity, 0, 10)));
    }
    set_expected_loss(config.expected_loss);
    set_bitrate(config.bitrate > 0 ? config.bitrate : default_bitrate(config.format));
}

int OpusCustomStreamEncoder::delay() const noexcept {
    // The overlap of CELT's windows is one short block; libopus cuts longer frames into two, four or eight of these.
    for (const int blocks : {8, 4, 2})
        if (std::int64_t{layout_.unit()} * 600 / blocks >= rate_ && layout_.unit() % (2 * blocks) == 0)
            return layout_.unit() / blocks;
    return layout_.unit();
}

void OpusCustomStreamEncoder::set_bitrate(int bits_per_second) noexcept {
    const auto chunks = static_cast<std::int64_t>(layout_.units()) * layout_.streams();
    const auto room =
        static_cast<std::int64_t>(max_encoded_size) - (chunks - 1) * static_cast<std::int64_t>(length_size);
    const std::int64_t channel_room = room / layout_.units() / layout_.channels();
    const std::int64_t wanted =
        std::int64_t{std::max(bits_per_second, 0)} * layout_.unit() / rate_ / 8 / layout_.channels();
    for (int stream = 0; stream < layout_.streams(); ++stream) {
        const std::int64_t channels = layout_.channels_of(stream);
        streams_[static_cast<std::size_t>(stream)].bytes = static_cast<std::size_t>(
            std::min({std::max(wanted * channels, least_unit_size), channel_room * channels, most_unit_size}));
    }
}

std::size_t OpusCustomStreamEncoder::encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept {
    std::size_t at = 0;
    int left = layout_.units() * layout_.streams();
    for (int unit = 0; unit < layout_.units(); ++unit, in += layout_.unit() * layout_.channels())
        for (int s = 0; s < layout_.streams(); ++s, --left) {
            const Stream& stream = streams_[static_cast<std::size_t>(s)];
            const int channels = layout_.channels_of(s);
            for (int i = 0; i < layout_.unit(); ++i)
                for (int c = 0; c < channels; ++c)
                    pair_[static_cast<std::size_t>(i * channels + c)] = in[i * layout_.channels() + 2 * s + c];
            if (left > 1) {
                write_u16(&out[at], static_cast<std::uint16_t>(stream.bytes));
                at += length_size;
            }
            const int size = opus_custom_encode_float(stream.encoder.get(), pair_.data(), layout_.unit(), &out[at],
                                                      static_cast<int>(stream.bytes));
            if (size != static_cast<int>(stream.bytes)) return 0;
            at += stream.bytes;
        }
    return at;
}

void OpusCustomStreamEncoder::set_expected_loss(int percent) noexcept {
    for (const Stream& stream : streams_)
        opus_custom_encoder_ctl(stream.encoder.get(), OPUS_SET_PACKET_LOSS_PERC(std::clamp(percent, 0, 100)));
}

void OpusCustomStreamEncoder::reset() noexcept {
    for (const Stream& stream : streams_) opus_custom_encoder_ctl(stream.encoder.get(), OPUS_RESET_STATE);
}

}  // namespace matriz::dsp

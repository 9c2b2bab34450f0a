// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/opus_custom_decoder.hpp"

#include <algorithm>

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {

constexpr int most_lost = 8;  // units in a row that libopus conceals; then it begins anew
constexpr int most_behind = 1 << 20;

}  // namespace

OpusCustomStreamDecoder::OpusCustomStreamDecoder(const StreamFormat& format)
    : layout_(format),
      pair_(2 * static_cast<std::size_t>(layout_.unit())),
      unheard_(static_cast<std::size_t>(layout_.frame() * layout_.channels())),
      concealer_(format.channels, format.rate) {
    for (int stream = 0; stream < layout_.streams(); ++stream) {
        int error = OPUS_OK;
        decoders_.emplace_back(opus_custom_decoder_create(layout_.mode(), layout_.channels_of(stream), &error));
        if (!decoders_.back()) throw Error("opus-custom decoder: {}", opus_strerror(error));
    }
}

std::optional<int> OpusCustomStreamDecoder::frames_in(std::span<const std::uint8_t> payload) const noexcept {
    for (int left = layout_.units() * layout_.streams(); left > 0; --left)
        if (!OpusCustomLayout::next(payload, left)) return std::nullopt;
    return payload.empty() ? std::optional(layout_.frame()) : std::nullopt;
}

std::optional<int> OpusCustomStreamDecoder::decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                                                   int skip) noexcept {
    if (!frames_in(payload) || layout_.frame() > max_frames) return std::nullopt;
    const int lost = (behind_ - skip + layout_.unit() / 2) / layout_.unit();
    lose_units(lost);
    behind_ = 0;
    decode_units(payload, out);
    skip = std::clamp(skip, 0, layout_.frame());
    if (lost == 0) concealer_.correct(out, skip, skip);
    // The first unit after a gap is wrong where it overlaps the lost one.
    concealer_.play(out + skip * layout_.channels(), layout_.frame() - skip, lost > 0 ? layout_.unit() : 0);
    return layout_.frame();
}

void OpusCustomStreamDecoder::decode_units(std::span<const std::uint8_t> payload, float* out) noexcept {
    int left = layout_.units() * layout_.streams();
    for (int unit = 0; unit < layout_.units(); ++unit)
        for (int stream = 0; stream < layout_.streams(); ++stream) {
            decode_unit(stream, *OpusCustomLayout::next(payload, left--));
            const int channels = layout_.channels_of(stream);
            float* const to = out + unit * layout_.unit() * layout_.channels() + 2 * stream;
            for (int i = 0; i < layout_.unit(); ++i)
                for (int c = 0; c < channels; ++c)
                    to[i * layout_.channels() + c] = pair_[static_cast<std::size_t>(i * channels + c)];
        }
}

void OpusCustomStreamDecoder::decode_unit(int stream, std::span<const std::uint8_t> frame) noexcept {
    OpusCustomDecoder* const decoder = decoders_[static_cast<std::size_t>(stream)].get();
    const auto run = [&](const std::uint8_t* data, std::size_t size) {
        return opus_custom_decode_float(decoder, data, static_cast<int>(size), pair_.data(), layout_.unit()) ==
               layout_.unit();
    };
    // A frame that says it is a shorter one, or of another kind, is as good as lost.
    if (!(!frame.empty() && run(frame.data(), frame.size())) && !run(nullptr, 0))
        std::fill(pair_.begin(), pair_.end(), 0.0F);
}

void OpusCustomStreamDecoder::lose_units(int count) noexcept {
    if (count > most_lost)
        for (const auto& decoder : decoders_) opus_custom_decoder_ctl(decoder.get(), OPUS_RESET_STATE);
    for (int lost = count > most_lost ? count : 0; lost < count; ++lost)
        for (int stream = 0; stream < layout_.streams(); ++stream) decode_unit(stream, {});
}

void OpusCustomStreamDecoder::conceal(float* out, int frames) noexcept {
    concealer_.conceal(out, frames);
    behind_ = std::min(behind_ + frames, most_behind);
}

void OpusCustomStreamDecoder::catch_up(std::span<const std::uint8_t> payload, int missing, int ago) noexcept {
    if (!frames_in(payload)) return;
    lose_units(missing * layout_.units());
    decode_units(payload, unheard_.data());
    behind_ = std::max(0, behind_ - (missing + 1) * layout_.frame());
    const int wrong = missing > 0 ? layout_.unit() : 0;
    concealer_.correct(unheard_.data() + wrong * layout_.channels(), layout_.frame() - wrong, ago - wrong);
}

void OpusCustomStreamDecoder::reset() noexcept {
    for (const auto& decoder : decoders_) opus_custom_decoder_ctl(decoder.get(), OPUS_RESET_STATE);
    concealer_.reset();
    behind_ = 0;
}

}  // namespace matriz::dsp

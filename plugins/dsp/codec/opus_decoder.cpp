// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/opus_decoder.hpp"

#include <algorithm>

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {

constexpr int opus_rate = 48000;
constexpr int shortest_frame = opus_rate / 400;
constexpr int longest_concealment = 8 * shortest_frame;  // 20 ms, what libopus does in one go
constexpr int most_behind = 1 << 20;
constexpr int doubtful = shortest_frame;  // the first frame after a gap is wrong where it overlaps the lost one

// RFC 6716, 3.4 allows 120 ms in a packet, and 1275 bytes a frame: a self-delimited stream of 48 frames at the most.
constexpr std::size_t longest_payload = 65535;

/// Whether one stream is all there is, and its channels come out as they are.
bool is_single(const OpusLayout& layout, int channels) {
    return layout.streams == 1 && channels == 1 + layout.coupled && layout.mapping[0] == 0 &&
           (channels == 1 || layout.mapping[1] == 1);
}

}  // namespace

OpusStreamDecoder::OpusStreamDecoder(const StreamFormat& format)
    : channels_(format.channels),
      concealer_(format.channels, {opus_rate}),
      unheard_(static_cast<std::size_t>(longest_concealment) * static_cast<std::size_t>(std::max(format.channels, 1))),
      packet_frames_(shortest_frame) {
    if (format.rate.hz != opus_rate)
        throw Error("opus stream with a clock of {} Hz: RFC 7587 has 48000 only", format.rate.hz);
    const OpusLayout layout = format.layout.streams > 0 ? format.layout : opus_pairs(format.channels);
    int error = OPUS_OK;
    if (is_single(layout, channels_))
        single_.reset(opus_decoder_create(opus_rate, channels_, &error));
    else
        several_.reset(opus_multistream_decoder_create(opus_rate, channels_, layout.streams, layout.coupled,
                                                       layout.mapping.data(), &error));
    if (!single_ && !several_)
        throw Error("opus decoder for {} channels in {} streams, {} of them stereo: {}", channels_, layout.streams,
                    layout.coupled, opus_strerror(error));
}

/// An empty payload is one that is missing.
int OpusStreamDecoder::run(std::span<const std::uint8_t> payload, float* out, int frames) noexcept {
    const std::uint8_t* const data = payload.empty() ? nullptr : payload.data();
    const auto size = static_cast<opus_int32>(payload.size());
    return single_ ? opus_decode_float(single_.get(), data, size, out, frames, 0)
                   : opus_multistream_decode_float(several_.get(), data, size, out, frames, 0);
}

void OpusStreamDecoder::restart() noexcept {
    if (single_)
        opus_decoder_ctl(single_.get(), OPUS_RESET_STATE);
    else
        opus_multistream_decoder_ctl(several_.get(), OPUS_RESET_STATE);
}

std::optional<int> OpusStreamDecoder::frames_in(std::span<const std::uint8_t> payload) const noexcept {
    if (payload.empty() || payload.size() > longest_payload) return std::nullopt;
    const int frames = opus_packet_get_nb_samples(payload.data(), static_cast<opus_int32>(payload.size()), opus_rate);
    return frames > 0 ? std::optional(frames) : std::nullopt;
}

std::optional<int> OpusStreamDecoder::decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                                             int skip) noexcept {
    const auto expected = frames_in(payload);
    if (!expected || *expected > max_frames) return std::nullopt;
    // What was joined in part-way is no packet that is missing.
    const int lost = (behind_ - skip + packet_frames_ / 2) / packet_frames_;
    lose_packets(lost);
    behind_ = 0;
    const int frames = run(payload, out, *expected);
    if (frames <= 0) return std::nullopt;
    skip = std::clamp(skip, 0, frames);
    if (lost == 0) concealer_.correct(out, skip, skip);
    concealer_.play(out + skip * channels_, frames - skip, lost > 0 ? doubtful : 0);
    packet_frames_ = std::min(frames, longest_concealment);
    return frames;
}

/// libopus conceals 20 ms; after more than that it begins anew.
void OpusStreamDecoder::lose_packets(int count) noexcept {
    if (count > longest_concealment / packet_frames_) return restart();
    for (int lost = 0; lost < count; ++lost)
        if (run({}, unheard_.data(), packet_frames_) < 0) restart();
}

void OpusStreamDecoder::conceal(float* out, int frames) noexcept {
    concealer_.conceal(out, frames);
    behind_ = std::min(behind_ + frames, most_behind);
}

void OpusStreamDecoder::catch_up(std::span<const std::uint8_t> payload, int missing, int ago) noexcept {
    const auto frames = frames_in(payload);
    if (!frames || *frames > longest_concealment) return;
    lose_packets(missing);
    if (run(payload, unheard_.data(), *frames) < 0) return;
    behind_ = std::max(0, behind_ - missing * packet_frames_ - *frames);
    if (const int wrong = missing > 0 ? doubtful : 0; wrong < *frames)
        concealer_.correct(unheard_.data() + wrong * channels_, *frames - wrong, ago - wrong);
}

void OpusStreamDecoder::reset() noexcept {
    restart();
    concealer_.reset();
    behind_ = 0;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/codec/concealer.hpp"
#include "plugins/dsp/codec/pcm.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::dsp {

/// Uncompressed samples, interleaved, any number of frames a packet: L16 (RFC 3551, 4.5.11), L24 (RFC 3190, section 4)
/// and, between matriz nodes, 32-bit float.
template <class Sample>
class PcmDecoder final : public Decoder {
  public:
    explicit PcmDecoder(const StreamFormat& format)
        : channels_(format.channels),
          concealer_(format.channels, format.rate),
          unheard_(max_rtp_payload_size / Sample::size) {}

    std::optional<int> frames_in(std::span<const std::uint8_t> payload) const noexcept override {
        const std::size_t frame = Sample::size * static_cast<std::size_t>(channels_);
        if (payload.empty() || payload.size() % frame != 0 || payload.size() > 65535) return std::nullopt;
        return static_cast<int>(payload.size() / frame);
    }

    std::optional<int> decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                              int skip) noexcept override {
        const auto frames = frames_in(payload);
        if (!frames || *frames > max_frames) return std::nullopt;
        read(payload, out);
        skip = std::clamp(skip, 0, *frames);
        concealer_.correct(out, skip, skip);
        concealer_.play(out + skip * channels_, *frames - skip);
        return frames;
    }

    void conceal(float* out, int frames) noexcept override { concealer_.conceal(out, frames); }
    void catch_up(std::span<const std::uint8_t> payload, int, int ago) noexcept override {
        const auto frames = frames_in(payload);
        if (!frames || *frames * channels_ > static_cast<int>(unheard_.size())) return;
        read(payload, unheard_.data());
        concealer_.correct(unheard_.data(), *frames, ago);
    }
    void reset() noexcept override { concealer_.reset(); }

  private:
    static void read(std::span<const std::uint8_t> payload, float* out) noexcept {
        for (std::size_t at = 0; at < payload.size(); at += Sample::size) *out++ = Sample::read(&payload[at]);
    }

    int channels_;
    Concealer concealer_;
    std::vector<float> unheard_;
};

}  // namespace matriz::dsp

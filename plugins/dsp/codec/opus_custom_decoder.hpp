// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/codec/concealer.hpp"
#include "plugins/dsp/codec/opus_custom.hpp"

namespace matriz::dsp {

/// Opus Custom with exactly `StreamFormat::frame` frames a packet. Concealed as OpusStreamDecoder does it.
class OpusCustomStreamDecoder final : public Decoder {
  public:
    /// Throws Error when there is no such mode.
    explicit OpusCustomStreamDecoder(const StreamFormat& format);

    std::optional<int> frames_in(std::span<const std::uint8_t> payload) const noexcept override;
    std::optional<int> decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                              int skip) noexcept override;
    void conceal(float* out, int frames) noexcept override;
    void catch_up(std::span<const std::uint8_t> payload, int missing, int ago) noexcept override;
    void reset() noexcept override;

  private:
    /// Decodes one unit of one stream into pair_, or conceals it when `frame` is empty.
    void decode_unit(int stream, std::span<const std::uint8_t> frame) noexcept;

    /// Decodes a whole packet into `out`, interleaved.
    void decode_units(std::span<const std::uint8_t> payload, float* out) noexcept;
    void lose_units(int count) noexcept;

    OpusCustomLayout layout_;
    std::vector<std::unique_ptr<OpusCustomDecoder, OpusCustomLayout::Destroy>> decoders_;
    std::vector<float> pair_;
    std::vector<float> unheard_;
    Concealer concealer_;
    int behind_ = 0;  ///< frames concealed that libopus does not know of
};

}  // namespace matriz::dsp

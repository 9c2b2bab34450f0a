// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <opus.h>
#include <opus_multistream.h>

#include "plugins/dsp/codec/encoder.hpp"

namespace matriz::dsp {

/// Standard Opus without lookahead (CELT only), at a constant bitrate: packets of one size take one time on the way.
class OpusStreamEncoder final : public Encoder {
  public:
    /// Throws Error when rate or frame are not Opus'.
    explicit OpusStreamEncoder(const EncoderConfig& config);

    int frame() const noexcept override { return frame_; }
    int delay() const noexcept override;
    std::size_t encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept override;
    void set_bitrate(int bits_per_second) noexcept override;
    void set_expected_loss(int percent) noexcept override;
    void reset() noexcept override;

  private:
    /// encoder_ctl of whichever encoder there is.
    template <class... Arguments>
    int control(Arguments... arguments) const noexcept {
        return single_ ? opus_encoder_ctl(single_.get(), arguments...)
                       : opus_multistream_encoder_ctl(several_.get(), arguments...);
    }

    struct Destroy {
        void operator()(OpusEncoder* encoder) const noexcept { opus_encoder_destroy(encoder); }
        void operator()(OpusMSEncoder* encoder) const noexcept { opus_multistream_encoder_destroy(encoder); }
    };
    int channels_;
    int frame_;
    std::unique_ptr<OpusEncoder, Destroy> single_;     ///< mono and stereo; see OpusStreamDecoder
    std::unique_ptr<OpusMSEncoder, Destroy> several_;  ///< everything else
};

}  // namespace matriz::dsp

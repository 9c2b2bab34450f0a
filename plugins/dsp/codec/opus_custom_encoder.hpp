// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "plugins/dsp/codec/encoder.hpp"
#include "plugins/dsp/codec/opus_custom.hpp"

namespace matriz::dsp {

/// Opus Custom at a constant bitrate, one packet a period.
class OpusCustomStreamEncoder final : public Encoder {
  public:
    /// Throws Error when there is no such mode, or too many frames and channels for a packet.
    explicit OpusCustomStreamEncoder(const EncoderConfig& config);

    int frame() const noexcept override { return layout_.frame(); }
    int delay() const noexcept override;
    std::size_t encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept override;
    void set_bitrate(int bits_per_second) noexcept override;
    void set_expected_loss(int percent) noexcept override;
    void reset() noexcept override;

  private:
    struct Stream {
        std::unique_ptr<OpusCustomEncoder, OpusCustomLayout::Destroy> encoder;
        std::size_t bytes = 0;  ///< a unit
    };

    OpusCustomLayout layout_;
    std::int64_t rate_;
    std::vector<Stream> streams_;
    std::vector<float> pair_;
};

}  // namespace matriz::dsp

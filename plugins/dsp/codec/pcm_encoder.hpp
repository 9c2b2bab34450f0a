// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "common/base/error.hpp"
#include "plugins/dsp/codec/encoder.hpp"
#include "plugins/dsp/codec/pcm.hpp"

namespace matriz::dsp {

/// `frames` of `frame_size` bytes each in as few equal packets of at most `most` bytes as fit: the frames of one.
constexpr int split_evenly(int frames, std::size_t frame_size, std::size_t most = max_encoded_size) noexcept {
    int parts = 1;
    while (frames % parts != 0 || static_cast<std::size_t>(frames / parts) * frame_size > most) ++parts;
    return frames / parts;
}

template <class Sample>
class PcmEncoder final : public Encoder {
  public:
    /// Throws Error when the frame is out of range.
    explicit PcmEncoder(const StreamFormat& format) : channels_(static_cast<std::size_t>(format.channels)) {
        if (format.frame.count < 1 || format.frame.count > 8192)
            throw Error("{} with a period of {} frames: 1 to 8192 are supported", name(format.codec),
                        format.frame.count);
        frame_ = split_evenly(static_cast<int>(format.frame.count), channels_ * Sample::size);
    }

    int frame() const noexcept override { return frame_; }
    int delay() const noexcept override { return 0; }
    std::size_t encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept override {
        const std::size_t samples = static_cast<std::size_t>(frame_) * channels_;
        for (std::size_t i = 0; i < samples; ++i) Sample::write(&out[i * Sample::size], in[i]);
        return samples * Sample::size;
    }
    void set_bitrate(int) noexcept override {}
    void set_expected_loss(int) noexcept override {}
    void reset() noexcept override {}

  private:
    std::size_t channels_;
    int frame_ = 0;
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <opus_custom.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"

namespace matriz::dsp {

/// How many frames one Opus Custom frame holds when a packet holds `period` of them: the longest mode that divides it,
/// or nothing when there is none. Modes of 128, 256, 512 and 1024 frames at 44.1 and 48 kHz (256 and up at twice that)
/// can be made and encoded, but libopus 1.3 aborts the process when it decodes them; such periods are several shorter
/// frames in a packet.
std::optional<int> opus_custom_unit(SampleRate rate, Frames period) noexcept;

/// What encoder and decoder share: the mode, and how channels lie in a packet. Streams are stereo pairs in order, an
/// odd last channel is a mono one. A packet is, unit after unit and stream after stream, one Opus Custom frame each;
/// all but the last of the packet have their length before them in 16 bits, big-endian.
class OpusCustomLayout {
  public:
    /// Throws Error when rate, frame or channels are not possible.
    explicit OpusCustomLayout(const StreamFormat& format);

    struct Destroy {
        void operator()(OpusCustomMode* mode) const noexcept { opus_custom_mode_destroy(mode); }
        void operator()(OpusCustomDecoder* decoder) const noexcept { opus_custom_decoder_destroy(decoder); }
        void operator()(OpusCustomEncoder* encoder) const noexcept { opus_custom_encoder_destroy(encoder); }
    };

    OpusCustomMode* mode() const noexcept { return mode_.get(); }
    int unit() const noexcept { return unit_; }
    int units() const noexcept { return frame_ / unit_; }
    int frame() const noexcept { return frame_; }
    int channels() const noexcept { return channels_; }
    int streams() const noexcept { return (channels_ + 1) / 2; }
    int channels_of(int stream) const noexcept { return stream * 2 + 1 < channels_ ? 2 : 1; }

    /// Cuts the next of `left` Opus Custom frames off `rest`. Nothing when it is not there or has an impossible size.
    /// RT-safe.
    static std::optional<std::span<const std::uint8_t>> next(std::span<const std::uint8_t>& rest, int left) noexcept;

  private:
    int frame_;
    int channels_;
    int unit_;
    std::unique_ptr<OpusCustomMode, Destroy> mode_;
};

}  // namespace matriz::dsp

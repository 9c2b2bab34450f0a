// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::dsp {

/// No payload of an encoder is longer, so that it fits one RTP packet even inside RED.
constexpr std::size_t max_encoded_size = max_rtp_payload_size - 1;

struct EncoderConfig {
    /// `frame` is the length of a packet: for opus 120, 240, 480 or 960 (2.5–20 ms), otherwise the JACK period.
    StreamFormat format;
    int bitrate = 0;  ///< bits a second, all channels together, for opus and opus_custom; 0: a good one for `format`
    int complexity = 10;  ///< 0–10, for opus and opus_custom: how much CPU goes into quality
    /// Percent, for opus and opus_custom: the more loss is expected, the less a packet builds upon those before it. 2
    /// costs next to nothing; 5 and more cost steady tones up to 6 dB of their signal-to-noise ratio, and gain up to 12
    /// dB in the packets that follow a lost one.
    int expected_loss = 2;
};

/// Turns audio into payloads of equal length in time. Made on a control thread, then used by one thread; allocates
/// nothing while it runs.
class Encoder {
  public:
    virtual ~Encoder() = default;

    /// How many frames each `encode` takes: the configured frame, or the largest even part of it that fits one packet.
    virtual int frame() const noexcept = 0;

    /// How many frames the decoded audio lies behind what went in.
    virtual int delay() const noexcept = 0;

    /// Encodes `frame()` interleaved frames. Returns the payload's size, at most max_encoded_size, or 0 on failure.
    virtual std::size_t encode(const float* in, std::span<std::uint8_t, max_encoded_size> out) noexcept = 0;

    /// Takes effect with the next packet; without meaning for PCM.
    virtual void set_bitrate(int bits_per_second) noexcept = 0;

    /// Percent; as EncoderConfig::expected_loss.
    virtual void set_expected_loss(int percent) noexcept = 0;

    virtual void reset() noexcept = 0;
};

/// Throws Error when the format cannot be encoded. Any thread but the audio thread.
std::unique_ptr<Encoder> make_encoder(const EncoderConfig& config);

/// What make_encoder takes for `bitrate` 0.
int default_bitrate(const StreamFormat& format) noexcept;

}  // namespace matriz::dsp

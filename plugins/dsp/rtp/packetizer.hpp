// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "plugins/dsp/codec/encoder.hpp"
#include "plugins/dsp/rtp/red.hpp"

namespace matriz::dsp {

/// What goes into one RTP packet.
struct Payload {
    std::span<const std::uint8_t> bytes;  ///< valid during the call only
    std::int64_t position = 0;            ///< of its first frame, counted from the first there was, gaps included
    int frames = 0;
    bool after_gap = false;  ///< the first of all, or the first after frames were skipped
};

/// Cuts audio of any buffer size into payloads of exactly one encoder frame each, wrapped in RED when asked to. One
/// thread.
class Packetizer {
  public:
    /// With `red_block_type` payloads are RED (RFC 2198), which say that their blocks are of that payload type.
    Packetizer(std::unique_ptr<Encoder> encoder, int channels, std::optional<std::uint8_t> red_block_type);

    /// Encodes what is complete with `samples` (interleaved, whole frames) and hands it on. When `each` returns false,
    /// the rest is dropped. Returns whether everything went well; false as well when the encoder failed.
    bool push(std::span<const float> samples, Redundancy redundancy, const std::function<bool(const Payload&)>& each);

    /// `frames` frames are missing between what was pushed and what will be. What is begun and cannot be completed is
    /// dropped; time goes on over both.
    void skip(std::int64_t frames) noexcept;

    /// Frames waiting for the rest of a packet.
    int pending() const noexcept { return static_cast<int>(pending_.size() / channels_); }

    Encoder& encoder() noexcept { return *encoder_; }

  private:
    bool emit(const float* samples, Redundancy redundancy, const std::function<bool(const Payload&)>& each);

    std::unique_ptr<Encoder> encoder_;
    std::size_t channels_;
    std::optional<std::uint8_t> red_block_type_;
    RedPacker red_;
    std::vector<float> pending_;
    std::array<std::uint8_t, max_encoded_size> encoded_{};
    std::array<std::uint8_t, max_rtp_payload_size> wrapped_{};
    std::int64_t position_ = 0;
    bool after_gap_ = true;
};

}  // namespace matriz::dsp

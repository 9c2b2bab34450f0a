// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/units.hpp"

namespace matriz::dsp {

enum class CodecId {
    opus,         ///< RFC 6716 in RFC 7587 packets: 2.5–20 ms frames, always a 48 kHz RTP clock
    opus_custom,  ///< Opus Custom mode, one JACK period a frame; between matriz nodes of equal rate and period
    pcm16,        ///< L16 (RFC 3551, 4.5.11), big-endian
    pcm24,        ///< L24 (RFC 3190, section 4), big-endian
    float32,      ///< 32-bit IEEE float, big-endian; between matriz nodes
};

/// The name in configs, status and SDP negotiation: "opus", "opus-custom", "pcm16", "pcm24", "float32".
std::string_view name(CodecId codec) noexcept;
std::optional<CodecId> codec_from_name(std::string_view name) noexcept;

constexpr int max_channels = 8;

/// How Opus carries more than two channels (RFC 7845, 5.1.1): that many streams in a packet, the coupled (stereo) ones
/// first, and for each output channel the decoded channel it plays.
struct OpusLayout {
    int streams = 0;  ///< 0: as `opus_pairs` has it
    int coupled = 0;
    std::array<std::uint8_t, max_channels> mapping{};
    bool operator==(const OpusLayout&) const = default;
};

/// Channels 1 and 2 as one stereo stream, 3 and 4 the next, an odd last one alone: what matriz sends. No channel is a
/// low-frequency effect channel, as Vorbis order would have it, for these are instruments.
OpusLayout opus_pairs(int channels) noexcept;

/// What a stream carries; known before its first packet, from SDP or RTP caps.
struct StreamFormat {
    CodecId codec = CodecId::opus;
    SampleRate rate{48000};  ///< of the decoded audio, and the RTP clock rate
    int channels = 2;        ///< 1–max_channels
    Frames frame{0};         ///< opus_custom: the exact frame length; otherwise a hint (0 = unknown)
    OpusLayout layout{};     ///< opus with more than two channels
    bool operator==(const StreamFormat&) const = default;
};

/// Turns packets of one stream into audio. Made on a control thread; afterwards every call comes from one thread, which
/// may be the audio thread: all members but the destructor are RT-safe (no allocation, lock, log or system call).
class Decoder {
  public:
    virtual ~Decoder() = default;

    /// How many frames `payload` holds, or nothing when it is malformed. Does not change the decoder.
    virtual std::optional<int> frames_in(std::span<const std::uint8_t> payload) const noexcept = 0;

    /// Decodes one payload into `out` (interleaved, `max_frames` × channels floats). Returns the frames written, or
    /// nothing when the payload is malformed or longer than `max_frames`; the decoder then stays usable. The first
    /// `skip` frames will not be heard, their place has been concealed: the sound joins on after them.
    virtual std::optional<int> decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                                      int skip = 0) noexcept = 0;

    /// Writes `frames` frames that continue the sound where a packet is missing. The next decode joins on without a
    /// click. With `frames` 0 nothing is missing, but what comes next does not continue what was before.
    virtual void conceal(float* out, int frames) noexcept = 0;

    /// A packet whose place has been concealed in full came after all, with `missing` others before it that did not.
    /// What follows is then decoded as if it had come in time. Only before the next decode. `ago`: it begins so many
    /// frames before the end of what was decoded and concealed so far; 0: what was heard since does not tell.
    virtual void catch_up(std::span<const std::uint8_t> payload, int missing, int ago) noexcept = 0;

    /// Forgets the past: the next packet starts a stream.
    virtual void reset() noexcept = 0;
};

/// Throws Error when the format cannot be decoded (unknown mode, channels out of range). Any thread but the audio
/// thread.
std::unique_ptr<Decoder> make_decoder(const StreamFormat& format);

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <opus.h>
#include <opus_multistream.h>

#include <memory>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/codec/concealer.hpp"

namespace matriz::dsp {

/// Standard Opus (RFC 6716) as RTP carries it (RFC 7587): any frame length and mode, up to 120 ms a packet. Always
/// decodes to 48 kHz. More than two channels are several streams in one packet (RFC 6716, appendix B).
///
/// What is missing is heard from Concealer, which continues music 4 to 12 dB better than libopus. Before
/// the next packet libopus is told what was missing, unheard, so that its state goes on and the packet fits it.
class OpusStreamDecoder final : public Decoder {
  public:
    /// Throws Error when the rate is not 48 kHz or the layout is impossible.
    explicit OpusStreamDecoder(const StreamFormat& format);

    std::optional<int> frames_in(std::span<const std::uint8_t> payload) const noexcept override;
    std::optional<int> decode(std::span<const std::uint8_t> payload, float* out, int max_frames,
                              int skip) noexcept override;
    void conceal(float* out, int frames) noexcept override;
    void catch_up(std::span<const std::uint8_t> payload, int missing, int ago) noexcept override;
    void reset() noexcept override;

  private:
    int run(std::span<const std::uint8_t> payload, float* out, int frames) noexcept;
    void restart() noexcept;
    void lose_packets(int count) noexcept;

    struct Destroy {
        void operator()(OpusDecoder* decoder) const noexcept { opus_decoder_destroy(decoder); }
        void operator()(OpusMSDecoder* decoder) const noexcept { opus_multistream_decoder_destroy(decoder); }
    };
    int channels_;
    // One of them is there. libopus' multistream decoder asks the processor for its features (cpuid) in every call,
    // which a hypervisor intercepts: it may take ten times as long as the decoding.
    std::unique_ptr<OpusDecoder, Destroy> single_;
    std::unique_ptr<OpusMSDecoder, Destroy> several_;
    Concealer concealer_;
    std::vector<float> unheard_;
    int packet_frames_;  ///< of the last packet
    int behind_ = 0;     ///< frames concealed that libopus does not know of
};

}  // namespace matriz::dsp

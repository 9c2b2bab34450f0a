// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <optional>

#include "plugins/dsp/codec/codec.hpp"

namespace matriz::plugin {

/// What application/x-rtp caps, and the SDP they come from or go to, say about a stream of ours:
///
/// | codec | rtpmap | fmtp |
/// |---|---|---|
/// | opus, 1–2 channels | OPUS/48000/2 (RFC 7587) | sprop-stereo |
/// | opus, 3–8 channels | MULTIOPUS/48000/channels | num_streams, coupled_streams, channel_mapping |
/// | pcm16, pcm24 | L16, L24/rate/channels | |
/// | float32 | X-MATRIZ-F32/rate/channels | |
/// | opus-custom | X-MATRIZ-OPUS-CUSTOM/rate/channels | frame: frames a packet |
/// | any of them inside RED | RED/rate/channels | red-codec, red-pt, and those of the codec |
struct RtpStream {
    dsp::StreamFormat format;
    int payload_type = -1;      ///< of the audio; -1: not said
    int red_payload_type = -1;  ///< of RED packets (RFC 2198); -1: the caps are not those of RED
};

/// `inside_red`: the codec that RED caps stand for when they do not say. Throws Error with the reason when the caps are
/// not playable.
RtpStream stream_from_caps(const GstCaps* caps, dsp::CodecId inside_red);

/// Sets the fields of `structure` (application/x-rtp) that say it: all but media and payload. Strings, so that SDP
/// takes them over.
void set_stream_fields(GstStructure* structure, const RtpStream& stream);

/// The caps of the stream that `caps` describe once it is wrapped in RED of payload type `red_payload_type`. The caller
/// owns them. Throws Error when `caps` are not playable or those of RED already.
GstCaps* make_red_caps(GstCaps* caps, int red_payload_type);

/// "OPUS", "RED", … as in rtpmap.
const char* encoding_name(const RtpStream& stream) noexcept;

/// The template of the elements' sink pads.
inline constexpr const char* rtp_caps = "application/x-rtp, media = (string) audio";

}  // namespace matriz::plugin

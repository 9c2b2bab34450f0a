// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "node/emitter/offer.hpp"
#include "node/gst/ref.hpp"
#include "node/negotiation/ask.hpp"
#include "node/negotiation/variant.hpp"
#include "node/webrtc/sdp.hpp"
#include "plugins/gst/rtp_caps.hpp"

/// What goes which way between two nodes, and how a session description says it. Any thread.
namespace matriz::webrtc {

/// What a node has to send, as far as the other must know to make an m-line for it.
struct Sending {
    negotiation::Sender sender;
    int channels = 2;
};
/// Nothing for no offer.
std::optional<Sending> sending_of(const emitter::Offer* offer);
/// "codec=pcm16&channels=2&rate=48000&period=64&red=1"; empty for nothing.
std::string to_query(const std::optional<Sending>& sending);
/// `query` nothing: standard Opus in stereo; empty or not understood: nothing.
std::optional<Sending> parse_sending(const std::optional<std::string>& query);

/// An ask that wants no sound at all has no codec. `query` nothing: some other program, which plays standard Opus.
bool wants_sound(const std::optional<std::string>& query);

/// What `sending` is to somebody who asks so.
plugin::RtpStream stream_for(const std::optional<negotiation::Ask>& ask, const Sending& sending);

Format format_of(const plugin::RtpStream& stream);
/// Nothing when it cannot be played here.
std::optional<plugin::RtpStream> stream_of(const Format& format);
/// Its codec as the configuration names it, also inside RED; the encoding's own name when it cannot be played here.
std::string name_of(const Format& format);
gst::Ref<GstCaps> caps_of(const Format& format, std::optional<std::uint32_t> ssrc);

/// Our packets on their way to one peer.
struct Outgoing {
    std::shared_ptr<emitter::PacketStream> packets;
    std::shared_ptr<emitter::Offer> red;  ///< whose redundancy they get inside RED; null: as they are
    plugin::RtpStream stream;             ///< what they must be; others are dropped
    Format format;                        ///< as it was agreed; its payload type may be another than the stream's
    std::string reason = {};              ///< why it is not in the configured codec; empty when it is
};
/// Nothing when there is no such thing. `offer` must outlive it.
std::optional<Outgoing> outgoing_for(emitter::Offer* offer, const std::optional<std::string>& ask);

/// The answerer's choice: on which m-line what goes.
struct Choice {
    int send_line = -1;  ///< -1: nothing
    Format send;
    int hear_line = -1;
    Format hear;
};
/// Chooses from what was offered, and takes everything else out of `offer`. `ours`: what we would send; `ask`: what we
/// play.
Choice choose(Description& offer, const std::optional<plugin::RtpStream>& ours,
              const std::optional<negotiation::Ask>& ask);

/// A sink that hands packets which are `outgoing.stream` to `next`, with the agreed payload type, wrapped in RED where
/// agreed. What is something else (JACK's period has changed meanwhile) is dropped, since the other could not play it.
std::shared_ptr<emitter::PacketSink> make_outgoing_sink(std::shared_ptr<emitter::PacketSink> next,
                                                        const Outgoing& outgoing);

/// What the stream of this codec spends between the JACK port that is captured and the network: what a frame lasts
/// longer than JACK's period, which is captured as a whole, and what the codec looks ahead. Less than nothing where
/// several frames go out at once at the end of a long period: the other's playout delay counts from the last of them.
std::chrono::microseconds capture_latency(const emitter::Offer& offer, dsp::CodecId codec);

}  // namespace matriz::webrtc

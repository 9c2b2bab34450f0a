// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include "node/negotiation/ask.hpp"

namespace matriz::negotiation {

/// One of the forms in which a node offers its sound; listeners with the same one share packets.
struct Variant {
    dsp::CodecId codec = dsp::CodecId::opus;
    bool red = false;    ///< in RED packets, for whoever may need redundancy
    std::string reason;  ///< why it is not the configured codec; empty when it is
    bool operator==(const Variant&) const = default;

    /// "opus", "pcm16+red": names the shared media.
    std::string key() const { return std::string(dsp::name(codec)) + (red ? "+red" : ""); }
};

/// How the sending side is configured and runs.
struct Sender {
    dsp::CodecId codec = dsp::CodecId::opus;
    bool redundancy = true;  ///< false: switched off in the config
    SampleRate rate{};       ///< of its JACK
    Frames period{};
};

/// What a listener gets: the configured codec if it can play it, otherwise standard Opus, which everybody can. `ask`:
/// nothing for a listener that said nothing (an original node, any RTSP player), which gets standard Opus. Pure.
Variant choose(const std::optional<Ask>& ask, const Sender& sender);

}  // namespace matriz::negotiation

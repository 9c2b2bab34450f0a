// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/units.hpp"
#include "plugins/dsp/codec/codec.hpp"

namespace matriz::negotiation {

/// What a receiving node can play and how its JACK runs, as it says in the query of the RTSP URL that it opens:
/// "codecs=opus-custom,opus&rate=48000&period=64&red=1". Other RTSP clients have no such query, other servers ignore it
/// and answer with standard Opus.
struct Ask {
    std::vector<dsp::CodecId> codecs;
    SampleRate rate{};  ///< of its JACK; 0: not known
    Frames period{};    ///< of its JACK; 0: not known
    bool red = false;   ///< it understands RED (RFC 2198)
    bool operator==(const Ask&) const = default;
};

/// Everything this matriz can play.
Ask ask_for_everything(SampleRate rate, Frames period);

/// The query, without the question mark. Pure.
std::string to_query(const Ask& ask);

/// Nothing when `query` is none of ours. Unknown parameters, codecs and numbers out of range are passed over: a newer
/// node may say more. Pure.
std::optional<Ask> parse_query(std::string_view query);

}  // namespace matriz::negotiation

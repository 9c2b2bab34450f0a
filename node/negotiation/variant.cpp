// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/negotiation/variant.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/dsp/codec/opus_custom.hpp"

namespace matriz::negotiation {
namespace {

/// Why `sender`'s codec cannot go to a listener that asks so; empty when it can.
std::string objection(const Ask& ask, const Sender& sender) {
    if (std::find(ask.codecs.begin(), ask.codecs.end(), sender.codec) == ask.codecs.end())
        return fmt::format("the listener does not know {}", dsp::name(sender.codec));
    if (sender.codec != dsp::CodecId::opus_custom) return {};
    if (ask.rate != sender.rate || ask.period != sender.period)
        return fmt::format(
            "opus-custom needs the same JACK rate and period on both sides: here {} Hz and {} frames, "
            "there {} Hz and {}",
            sender.rate.hz, sender.period.count, ask.rate.hz, ask.period.count);
    if (!dsp::opus_custom_unit(sender.rate, sender.period))
        return fmt::format("opus-custom cannot carry {} frames at {} Hz", sender.period.count, sender.rate.hz);
    return {};
}

}  // namespace

Variant choose(const std::optional<Ask>& ask, const Sender& sender) {
    if (!ask) return {};
    Variant variant{.codec = sender.codec, .red = ask->red && sender.redundancy, .reason = objection(*ask, sender)};
    if (!variant.reason.empty()) variant.codec = dsp::CodecId::opus;
    return variant;
}

}  // namespace matriz::negotiation

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/negotiation/ask.hpp"

#include <algorithm>

#include "node/negotiation/query.hpp"

namespace matriz::negotiation {
namespace {

constexpr std::int64_t highest_rate = 384'000;
constexpr std::int64_t longest_period = 8192;

std::vector<dsp::CodecId> parse_codecs(std::string_view list) {
    std::vector<dsp::CodecId> codecs;
    while (!list.empty()) {
        const auto codec = dsp::codec_from_name(take(list, ','));
        if (codec && std::find(codecs.begin(), codecs.end(), *codec) == codecs.end()) codecs.push_back(*codec);
    }
    return codecs;
}

}  // namespace

Ask ask_for_everything(SampleRate rate, Frames period) {
    using enum dsp::CodecId;
    return {.codecs = {opus_custom, pcm16, pcm24, float32, opus}, .rate = rate, .period = period, .red = true};
}

std::string to_query(const Ask& ask) {
    std::string query = "codecs=";
    for (std::size_t i = 0; i < ask.codecs.size(); ++i) {
        if (i > 0) query += ',';
        query += dsp::name(ask.codecs[i]);
    }
    if (ask.rate.hz > 0) query += "&rate=" + std::to_string(ask.rate.hz);
    if (ask.period.count > 0) query += "&period=" + std::to_string(ask.period.count);
    if (ask.red) query += "&red=1";
    return query;
}

std::optional<Ask> parse_query(std::string_view query) {
    // rtspsrc appends the media's path to the URL when it sets the stream up: "…&red=1/stream=0".
    query = query.substr(0, query.find('/'));
    Ask ask;
    bool ours = false;
    while (!query.empty()) {
        std::string_view value = take(query, '&');
        const std::string_view key = take(value, '=');
        if (key == "codecs") {
            ask.codecs = parse_codecs(value);
            ours = true;
        } else if (key == "rate") {
            ask.rate.hz = static_cast<std::uint32_t>(number_or_zero(value, highest_rate));
        } else if (key == "period") {
            ask.period.count = number_or_zero(value, longest_period);
        } else if (key == "red") {
            ask.red = value == "1";
        }
    }
    if (!ours) return std::nullopt;
    return ask;
}

}  // namespace matriz::negotiation

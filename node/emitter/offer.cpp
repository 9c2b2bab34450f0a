// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/offer.hpp"

#include <algorithm>
#include <utility>

#include "node/emitter/encoder.hpp"

namespace matriz::emitter {
namespace {

constexpr int most_fallback_bitrate = 128'000;

/// Standard Opus beside another codec, at a bit rate of its own.
StreamConfig fallback(StreamConfig config) {
    config.codec = dsp::CodecId::opus;
    config.bitrate = std::min(config.bitrate, most_fallback_bitrate);
    return config;
}

}  // namespace

Offer::Offer(const StreamConfig& config, const std::optional<int>& fixed_redundancy)
    : fixed_redundancy_(fixed_redundancy) {
    make_encoder(config, timing_);  // an error belongs here, not on the capture thread
    encodings_.push_back({config, std::make_shared<PacketStream>(), true});
    encodings_.back().config.redundant = fixed_redundancy_ != 0;
    if (config.codec != dsp::CodecId::opus)
        encodings_.push_back({fallback(config), std::make_shared<PacketStream>(), false});
    if (fixed_redundancy_) redundancy_.set({.depth = *fixed_redundancy_, .distance = 1});
}

negotiation::Sender Offer::sender() const {
    const JackTiming now = timing();
    return {.codec = encodings_.front().config.codec,
            .redundancy = fixed_redundancy_ != 0,
            .rate = now.rate,
            .period = now.period};
}

negotiation::Variant Offer::choose(const char* query) const {
    return negotiation::choose(query != nullptr ? negotiation::parse_query(query) : std::nullopt, sender());
}

std::shared_ptr<PacketStream> Offer::packets(const negotiation::Variant& variant) const {
    const auto found = std::find_if(encodings_.begin(), encodings_.end(),
                                    [&](const Encoding& encoding) { return encoding.config.codec == variant.codec; });
    return found != encodings_.end() ? found->packets : nullptr;
}

std::string Offer::usual_query() const {
    const JackTiming now = timing();
    return negotiation::to_query(negotiation::ask_for_everything(now.rate, now.period));
}

JackTiming Offer::timing() const {
    const std::lock_guard lock(mutex_);
    return timing_;
}

void Offer::set_guest(const std::string& name, std::optional<Listener> listener) {
    const std::lock_guard lock(mutex_);
    if (listener)
        guests_.insert_or_assign(name, std::move(*listener));
    else
        guests_.erase(name);
}

std::vector<Listener> Offer::guests() const {
    const std::lock_guard lock(mutex_);
    std::vector<Listener> all;
    for (const auto& [name, listener] : guests_) all.push_back(listener);
    return all;
}

bool Offer::set_timing(const JackTiming& timing) {
    const std::lock_guard lock(mutex_);
    const bool changed = std::exchange(timing_, timing) != timing;
    // Standard Opus is 48 kHz to its listeners, however JACK runs.
    return changed && encodings_.front().config.codec != dsp::CodecId::opus;
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/loss_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace matriz::emitter {

namespace {
constexpr double enough_lost = 8;       // in two reports: fewer tell nothing
constexpr double enough_reports = 8;    // by weight
constexpr double report_memory = 0.97;  // a report
constexpr double doubt = 2;             // reports: so many are thought to have said that losses are single
constexpr double surely_bursts = 1.5;   // chance alone makes single losses look like bursts of 1.25 for 3 % of the time
}  // namespace

void LossWatch::Bursts::add(double lost, double expected) noexcept {
    const double share = lost / expected;
    const double both = (lost + before_ * packets_) / (expected + packets_);
    if (packets_ > 0 && lost + before_ * packets_ >= enough_lost && both < 1) {
        const double variance = both * (1 - both) * (1 / expected + 1 / packets_);
        excess_ = excess_ * report_memory + (share - before_) * (share - before_) / variance;
        weight_ = weight_ * report_memory + 1;
    }
    before_ = share;
    packets_ = expected;
}

std::optional<double> LossWatch::Bursts::length() const noexcept {
    if (weight_ < enough_reports) return std::nullopt;
    const double length = ((excess_ + doubt) / (weight_ + doubt) + 1) / 2;
    return length < surely_bursts ? 1.0 : length;
}

dsp::Redundancy LossWatch::update(const std::vector<Listener>& listeners, Clock::time_point now) {
    std::map<std::string, Watched> still;
    dsp::Redundancy worst;
    for (const Listener& listener : listeners) {
        if (!listener.red || !listener.report) continue;
        const std::string key = fmt::format("{}:{}", listener.address, listener.port);
        auto node = watched_.extract(key);
        if (node.empty()) {
            const dsp::RedundancyController fresh({.packets_per_second = packets_per_second_, .max_depth = most_});
            still.emplace(key, Watched{fresh, *listener.report});
            continue;
        }
        Watched& watched = node.mapped();
        dsp::Redundancy wanted = watched.controller.current();
        const auto expected = static_cast<std::int32_t>(listener.report->highest - watched.last.highest);
        if (expected > 0) {  // a new report
            const auto lost = std::min<double>(
                expected, static_cast<double>(std::max<std::int64_t>(0, listener.report->lost - watched.last.lost)));
            watched.bursts.add(lost, expected);
            wanted = watched.controller.report({.lost = lost / expected, .burst = watched.bursts.length()},
                                               now.time_since_epoch());
            watched.last = *listener.report;
        }
        if (wanted.depth > worst.depth) worst = wanted;
        still.insert(std::move(node));
    }
    watched_ = std::move(still);
    return worst;
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/loss_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace matriz::emitter {

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
            const auto lost = static_cast<double>(std::max<std::int64_t>(0, listener.report->lost - watched.last.lost));
            wanted = watched.controller.report({.lost = std::min(1.0, lost / expected)}, now.time_since_epoch());
            watched.last = *listener.report;
        }
        if (wanted.depth > worst.depth) worst = wanted;
        still.insert(std::move(node));
    }
    watched_ = std::move(still);
    return worst;
}

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/status/reporter.hpp"

#include <algorithm>
#include <utility>

namespace matriz::status {

protocol::Report Reporter::next(const std::vector<Peer>& peers) {
    protocol::Report report;
    std::map<std::string, Counts> counts;
    for (const Peer& peer : peers) {
        protocol::LinkReport link{.peer = peer.name};
        if (peer.delay) link.delay_ms = peer.delay->count();
        if (peer.jitter) link.jitter_ms = peer.jitter->count();
        if (peer.one_way) link.one_way_ms = peer.one_way->count();
        if (peer.level) link.level_db = std::clamp(*peer.level, silence, 0.0);
        if (peer.received && peer.lost) {
            const Counts now{*peer.received, *peer.lost + peer.late.value_or(0) + peer.recovered.value_or(0)};
            counts[peer.name] = now;
            const auto known = before_.find(peer.name);
            // Counters that went back belong to a connection made anew.
            const Counts then =
                known != before_.end() && known->second.received <= now.received ? known->second : Counts{};
            const auto received = static_cast<double>(now.received - then.received);
            const double missed = now.missed > then.missed ? static_cast<double>(now.missed - then.missed) : 0;
            if (received + missed > 0) link.loss = missed / (received + missed);
        }
        report.links.push_back(std::move(link));
    }
    before_ = std::move(counts);
    return report;
}

}  // namespace matriz::status

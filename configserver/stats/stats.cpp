// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/stats/stats.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace matriz::stats {

void Stats::take(registry::SessionId session, protocol::Report report, std::size_t max_links, Clock::time_point now) {
    if (report.links.size() > max_links) report.links.resize(max_links);
    latest_[session] = {std::move(report), now};
}

std::vector<protocol::LinkStatus> Stats::links(const std::vector<const registry::Member*>& members,
                                               Clock::time_point now) const {
    std::unordered_set<std::string_view> names;
    for (const auto* member : members) names.insert(member->name);
    std::vector<protocol::LinkStatus> links;
    for (const auto* member : members) {
        const auto found = latest_.find(member->session);
        if (found == latest_.end()) continue;
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - found->second.at).count();
        for (const protocol::LinkReport& report : found->second.report.links)
            if (names.contains(report.peer) && report.peer != member->name)
                links.push_back({member->name, report, age});
    }
    return links;
}

}  // namespace matriz::stats

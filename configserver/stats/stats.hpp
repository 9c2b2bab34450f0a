// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/protocol/room_status.hpp"
#include "configserver/registry/registry.hpp"

namespace matriz::stats {

/// The latest report of each node. Pure; one thread.
class Stats {
  public:
    using Clock = std::chrono::steady_clock;

    /// Keeps what `report` says of the first `max_links` peers.
    void take(registry::SessionId session, protocol::Report report, std::size_t max_links, Clock::time_point now);
    void forget(registry::SessionId session) { latest_.erase(session); }
    /// What those `members` report of one another.
    std::vector<protocol::LinkStatus> links(const std::vector<const registry::Member*>& members,
                                            Clock::time_point now) const;
    std::size_t size() const noexcept { return latest_.size(); }

  private:
    struct Latest {
        protocol::Report report;
        Clock::time_point at;
    };
    std::unordered_map<registry::SessionId, Latest> latest_;
};

}  // namespace matriz::stats

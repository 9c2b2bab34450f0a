// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/roster.hpp"

#include <algorithm>
#include <utility>

namespace matriz::control {

void Roster::update(Clock::time_point now, const Clients& list, std::string_view subject, std::string_view own,
                    bool first) {
    const Clients before = std::exchange(listed_, list);
    if (first) {
        for (const protocol::ClientInfo& client : before) kept_.try_emplace(client.name, Kept{client, {}});
        for (auto& [name, kept] : kept_) kept.until = now + grace_;
    }
    // A message about a node that is not in its list says that it left.
    if (const auto left = kept_.find(subject); left != kept_.end()) kept_.erase(left);
    std::erase_if(kept_, [&](const auto& entry) { return entry.first == own || is_listed(entry.second.client); });
}

bool Roster::expire(Clock::time_point now) {
    return std::erase_if(kept_, [now](const auto& entry) { return entry.second.until <= now; }) > 0;
}

void Roster::clear() {
    listed_.clear();
    kept_.clear();
}

Roster::Clients Roster::clients() const {
    Clients all = listed_;
    for (const auto& [name, kept] : kept_) all.push_back(kept.client);
    return all;
}

std::vector<std::string> Roster::missing() const {
    std::vector<std::string> names;
    for (const auto& [name, kept] : kept_) names.push_back(name);
    return names;
}

std::optional<Roster::Clock::time_point> Roster::deadline() const {
    std::optional<Clock::time_point> first;
    for (const auto& [name, kept] : kept_)
        if (!first || kept.until < *first) first = kept.until;
    return first;
}

/// By its name, or by its address under a new name.
bool Roster::is_listed(const protocol::ClientInfo& client) const {
    return std::any_of(listed_.begin(), listed_.end(), [&client](const protocol::ClientInfo& listed) {
        return listed.name == client.name || (listed.ip == client.ip && listed.port == client.port);
    });
}

}  // namespace matriz::control

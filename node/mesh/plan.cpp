// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/mesh/plan.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace matriz::mesh {
namespace {

Action::Kind kind_for(const Peer& running, const Peer& wanted) {
    if (running == wanted) return Action::Kind::keep;
    return running.is_but_elsewhere(wanted) ? Action::Kind::move : Action::Kind::restart;
}

}  // namespace

std::vector<Action> plan(const std::vector<Peer>& wanted, const std::vector<Peer>& running) {
    std::map<std::string, const Peer*> unwanted;
    for (const Peer& peer : running) unwanted[peer.name] = &peer;

    std::vector<Action> actions;
    for (const Peer& peer : wanted) {
        const auto found = unwanted.find(peer.name);
        if (found == unwanted.end()) {
            actions.push_back({Action::Kind::start, peer});
            continue;
        }
        actions.push_back({kind_for(*found->second, peer), peer});
        unwanted.erase(found);
    }
    for (const auto& [name, peer] : unwanted) actions.push_back({Action::Kind::stop, *peer});
    std::sort(actions.begin(), actions.end(), [](const Action& a, const Action& b) {
        return std::tie(a.kind, a.peer.name) < std::tie(b.kind, b.peer.name);
    });
    return actions;
}

}  // namespace matriz::mesh

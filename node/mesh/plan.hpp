// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "node/mesh/peer.hpp"

namespace matriz::mesh {

/// What to do about one peer. For stop the peer is the running one, for the others the wanted one.
struct Action {
    enum class Kind { stop, restart, move, start, keep };
    Kind kind = Kind::keep;
    Peer peer;
    bool operator==(const Action&) const = default;
};

/// From what runs to what is wanted: keep what is the same, move what is at another address or port, restart what
/// differs in anything else, start the missing, stop the rest. Pure. Names are unique in each list. Stops come first,
/// so that what they held is free, then restarts, moves, starts and keeps, each sorted by name.
std::vector<Action> plan(const std::vector<Peer>& wanted, const std::vector<Peer>& running);

}  // namespace matriz::mesh

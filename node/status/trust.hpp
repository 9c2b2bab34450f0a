// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>

#include "node/identity/known_peers.hpp"

namespace matriz::status {

/// What /trust shows and changes.
struct Trust {
    identity::KnownPeers* known = nullptr;             ///< nullptr: `trust` is not pinned
    std::function<void(const std::string&)> accepted;  ///< a person trusts this peer as it comes now
};

/// {"pinned":bool,"peers":[{"name","fingerprint","refused":bool,"offered","in_the_clear":bool}…]}
std::string to_json(const Trust& trust);

}  // namespace matriz::status

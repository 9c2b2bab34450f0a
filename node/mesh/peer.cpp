// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/mesh/peer.hpp"

#include <fmt/format.h>

namespace matriz::mesh {

std::string Peer::endpoint() const { return fmt::format("{}:{}", bracketed(address), port); }

bool Peer::is_but_elsewhere(const Peer& other) const {
    Peer moved = *this;
    moved.address = other.address;
    moved.port = other.port;
    return moved == other && *this != other;
}

}  // namespace matriz::mesh

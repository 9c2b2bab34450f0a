// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/mesh/peer.hpp"

#include <fmt/format.h>

namespace matriz::mesh {

std::string Peer::endpoint() const { return fmt::format("{}:{}", bracketed(address), port); }

}  // namespace matriz::mesh

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/client_info.hpp"

namespace matriz::protocol {

/// Who is there: in the reply to a register, and pushed on each join, leave and change. The list is the truth;
/// `name` and `message` only say what it was about.
struct ClientList {
    std::string message;
    std::string name;
    std::vector<ClientInfo> clients;
    /// Nodes that may take this node's stream though it does not hear them (a routing matrix keeps them off `clients`).
    std::vector<ClientInfo> listeners{};
    std::string room{};         ///< empty from an original server
    std::string epoch{};        ///< the run of the server that `version` counts in; empty from an original server
    std::uint64_t version = 0;  ///< within an epoch a list with a lower version is older
    bool operator==(const ClientList&) const = default;
};

}  // namespace matriz::protocol

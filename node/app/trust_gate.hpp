// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/protocol/client_info.hpp"
#include "node/config/config.hpp"
#include "node/identity/identity.hpp"
#include "node/identity/known_peers.hpp"

namespace matriz::node {

/// This node's identity. Nothing when it is not needed, or there is nowhere to keep it and RTSP will do. Throws Error
/// when it is asked for, or is there and cannot be read: peers may hold this node to it.
std::optional<identity::Identity> find_identity(const NodeConfig& config, const log::Logger& log);

/// Who in a client list is refused because of a certificate. Main thread only.
class TrustGate {
  public:
    /// Throws Error when what is remembered of the peers cannot be read.
    explicit TrustGate(const NodeConfig& config);

    /// Name and reason. Remembers who is new; says each refusal once.
    std::map<std::string, std::string> refusals(const std::vector<protocol::ClientInfo>& clients,
                                                const std::string& own_name);
    /// Null with `trust` server.
    identity::KnownPeers* known_peers() noexcept { return known_ ? &*known_ : nullptr; }

  private:
    std::string refusal_of(const protocol::ClientInfo& client);

    const log::Logger log_{"trust"};
    std::optional<identity::KnownPeers> known_;
    std::map<std::string, std::string> said_;
};

}  // namespace matriz::node

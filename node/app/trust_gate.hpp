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
#include "node/identity/secured_peers.hpp"

namespace matriz::node {

/// This node's identity. Nothing when it is not needed, or there is nowhere to keep it and RTSP will do. Throws Error
/// when it is asked for, or is there and cannot be read: peers may hold this node to it.
std::optional<identity::Identity> find_identity(const NodeConfig& config, const log::Logger& log);

/// Who in a client list is refused because of a certificate. Main thread only.
class TrustGate {
  public:
    /// `has_identity`: this node has one; without, nobody can prove anything to it. Throws Error when `trust` is pinned
    /// and what is remembered of the peers cannot be read.
    TrustGate(const NodeConfig& config, bool has_identity);

    /// Name and reason. Says each refusal once.
    std::map<std::string, std::string> refusals(const std::vector<protocol::ClientInfo>& clients,
                                                const std::string& own_name);
    /// This peer's connection has shown that the certificate is its own. True when refusals() and counts_by_address()
    /// may have other answers by that.
    bool proven(const std::string& name, const std::string& fingerprint);
    /// Has this certificate ever been proven, by a connection of this node? With `trust` server only; with pinned
    /// proof_needed() says more.
    bool secured_before(const std::string& fingerprint) const;
    /// Has it to prove that this certificate is its own, however that is to be done? With `trust` server nobody has.
    bool proof_needed(const std::string& name, const std::string& fingerprint) const;
    /// May its address alone let it take this node's plain stream? Not if it can, and has to, show its certificate.
    bool counts_by_address(const protocol::ClientInfo& client) const;
    /// Null with `trust` server.
    identity::KnownPeers* known_peers() noexcept { return known_ ? &*known_ : nullptr; }

  private:
    bool takes_webrtc(const protocol::ClientInfo& client) const noexcept;
    void note_secured(const std::string& name, const std::string& fingerprint);
    std::string refusal_of(const protocol::ClientInfo& client);

    const log::Logger log_{"trust"};
    const bool has_identity_;
    const bool webrtc_;                          ///< this node can
    std::optional<identity::KnownPeers> known_;  ///< `trust` pinned
    identity::SecuredPeers secured_;             ///< empty with `trust` pinned
    std::map<std::string, std::string> said_;
    std::map<std::string, std::string> unwritten_;  ///< name and fingerprint, proven, but not remembered: refused
};

}  // namespace matriz::node

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/log.hpp"
#include "node/app/trust_gate.hpp"
#include "node/config/config.hpp"
#include "node/control/control.hpp"
#include "node/emitter/offer.hpp"
#include "node/gst/reaper.hpp"
#include "node/identity/identity.hpp"
#include "node/mesh/peer.hpp"
#include "node/transport/peer_link.hpp"
#include "plugins/jack/client.hpp"

namespace matriz::node {

/// Makes the links to peers out of what the node is. Everything it is given outlives the links. Main thread only.
class PeerLinks {
  public:
    /// A peer's name, and the fingerprint of the certificate that its connection has shown to be its own.
    using OnProven = std::function<void(const std::string& name, const std::string& fingerprint)>;

    /// `identity` and `control` may be null: no WebRTC, no config server. `on_proven` is never called from within a
    /// link: it may end links.
    PeerLinks(const NodeConfig& config, std::shared_ptr<jack::Client> jack, emitter::Offer& offer,
              const identity::Identity* identity, control::Control* control, const TrustGate& trust, OnProven on_proven,
              gst::Reaper& reaper);

    /// Throws Error when nothing can be made of it.
    std::unique_ptr<transport::PeerLink> make(const mesh::Peer& peer) const;

  private:
    /// `webrtc`: both can.
    transport::Chooser::Facts facts_for(const mesh::Peer& peer, bool webrtc) const;
    transport::PeerLink::Config config_for(const mesh::Peer& peer) const;
    std::function<void(Json::Value)> way_to(const std::string& peer) const;

    const NodeConfig& config_;
    const std::shared_ptr<jack::Client> jack_;
    emitter::Offer& offer_;
    const identity::Identity* const identity_;
    control::Control* const control_;
    const TrustGate& trust_;
    const OnProven on_proven_;
    gst::Reaper& reaper_;
    const log::Logger log_{"mesh"};
};

}  // namespace matriz::node

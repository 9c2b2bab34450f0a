// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/app/peer_links.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "common/glib/source.hpp"

namespace matriz::node {

PeerLinks::PeerLinks(const NodeConfig& config, std::shared_ptr<jack::Client> jack, emitter::Offer& offer,
                     const identity::Identity* identity, control::Control* control, const TrustGate& trust,
                     OnProven on_proven, gst::Reaper& reaper)
    : config_(config),
      jack_(std::move(jack)),
      offer_(offer),
      identity_(identity),
      control_(control),
      trust_(trust),
      on_proven_(std::move(on_proven)),
      reaper_(reaper) {}

std::unique_ptr<transport::PeerLink> PeerLinks::make(const mesh::Peer& peer) const {
    return std::make_unique<transport::PeerLink>(config_for(peer), reaper_);
}

transport::Chooser::Facts PeerLinks::facts_for(const mesh::Peer& peer, bool webrtc) const {
    return {.wish = config_.transport,
            .peer_webrtc = webrtc,
            .rtsp_tls = peer.rtsp_tls,
            .proof_needed = trust_.proof_needed(peer.name, peer.fingerprint),
            .secured_before = trust_.secured_before(peer.fingerprint),
            .hear = peer.hear,
            .refusal = peer.refusal};
}

transport::PeerLink::Config PeerLinks::config_for(const mesh::Peer& peer) const {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    const auto ask = [jack = jack_] {
        const jack::Status status = jack->status();
        return negotiation::ask_for_everything(status.rate, Frames{status.period});
    };
    const bool webrtc = identity_ != nullptr && control_ != nullptr && peer.webrtc;
    transport::PeerLink::Config config;
    config.facts = facts_for(peer, webrtc);
    config.rtsp = {.peer = peer.name,
                   .address = peer.address,
                   .port = peer.port,
                   .jack_client = config_.jack_client,
                   .jack_server = config_.jack_server,
                   .channels = config_.channels,
                   .udp_ports = config_.udp_ports,
                   .playout_min = Milliseconds(config_.playout_min_ms),
                   .playout_max = Milliseconds(config_.playout_max_ms),
                   .ask = ask};
    config.on_proven = [this, name = peer.name, fingerprint = peer.fingerprint] {
        glib::post([this, name, fingerprint] { on_proven_(name, fingerprint); });
    };
    if (peer.rtsp_tls && identity_ != nullptr)
        config.rtsp.tls = {.own = *identity_, .fingerprint = peer.fingerprint};
    else if (peer.rtsp_tls && peer.refusal.empty())
        config.facts.refusal = "it is to be heard encrypted only, and this node has no certificate";
    if (!webrtc) return config;
    config.webrtc = {.own_name = control_->status().own_name,
                     .peer = peer.name,
                     .fingerprint = peer.fingerprint,
                     .identity = identity_,
                     .offer = &offer_,
                     .hear = peer.hear,
                     .jack_client = config_.jack_client,
                     .jack_server = config_.jack_server,
                     .channels = config_.channels,
                     .playout_min = config.rtsp.playout_min,
                     .playout_max = config.rtsp.playout_max,
                     .ask = ask,
                     .ice_servers = [control = control_] { return control->ice_servers(); },
                     .signal = way_to(peer.name)};
    return config;
}

/// The websocket is the main thread's.
std::function<void(Json::Value)> PeerLinks::way_to(const std::string& peer) const {
    return [this, peer](Json::Value body) {
        glib::post([this, peer, body = std::move(body)] {
            try {
                control_->signal(peer, body);
            } catch (const std::exception& error) {
                log_.error("a signal to {} could not be written: {}", peer, describe(error));
            }
        });
    };
}

}  // namespace matriz::node

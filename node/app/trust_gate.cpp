// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/app/trust_gate.hpp"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::node {

std::optional<identity::Identity> find_identity(const NodeConfig& config, const log::Logger& log) {
    const bool asked = config.transport == Transport::webrtc || config.rtsp_security == RtspSecurity::tls;
    const std::string folder = config.state_folder();
    try {
        return identity::Identity::load_or_make(folder);
    } catch (const std::exception& error) {
        std::error_code unknown;
        if (asked || std::filesystem::exists(folder + "/identity.pem", unknown)) throw;
        log.warning("{}; without it everything goes in the clear, by RTSP. Where it could be kept: `state_dir`",
                    describe(error));
        return std::nullopt;
    }
}

TrustGate::TrustGate(const NodeConfig& config, bool has_identity)
    : has_identity_(has_identity),
      webrtc_(has_identity && config.transport != Transport::rtsp),
      secured_(config.state_folder()) {
    if (config.trust == Trust::pinned) {
        known_.emplace(config.state_folder());
        return;
    }
    try {
        secured_.read();
    } catch (const std::exception& error) {
        log_.warning("{} {}. It begins anew: whoever was heard encrypted before counts as new", secured_.path(),
                     describe(error));
    }
}

bool TrustGate::takes_webrtc(const protocol::ClientInfo& client) const noexcept {
    return webrtc_ && !client.fingerprint.empty() && !client.rtsp_only;
}

bool TrustGate::proof_needed(const std::string& name, const std::string& fingerprint) const {
    return known_ && known_->remembers(name, fingerprint);
}

bool TrustGate::counts_by_address(const protocol::ClientInfo& client) const {
    return !takes_webrtc(client) || !proof_needed(client.name, client.fingerprint);
}

void TrustGate::note_secured(const std::string& name, const std::string& fingerprint) {
    try {
        secured_.remember(fingerprint, name);
    } catch (const std::exception& error) {
        log_.warning("that {} was heard encrypted cannot be remembered beyond this run: {}", name, describe(error));
    }
}

bool TrustGate::secured_before(const std::string& fingerprint) const { return secured_.contains(fingerprint); }

bool TrustGate::proven(const std::string& name, const std::string& fingerprint) {
    if (!known_) {
        note_secured(name, fingerprint);
        return false;
    }
    try {
        if (!known_->remember(name, fingerprint)) return false;
        log_.info("{} has proven who it is; from now on no other certificate counts for that name", name);
    } catch (const std::exception& error) {
        log_.error("{} has proven who it is, but that cannot be remembered: {}", name, describe(error));
        unwritten_.insert_or_assign(name, fingerprint);
    }
    return true;
}

std::string TrustGate::refusal_of(const protocol::ClientInfo& client) {
    using identity::KnownPeers;
    const bool tls = has_identity_ && !client.fingerprint.empty() && client.rtsp_tls;
    const auto proof = takes_webrtc(client) || tls ? KnownPeers::Proof::possible : KnownPeers::Proof::none;
    try {
        if (const auto unwritten = unwritten_.find(client.name); unwritten != unwritten_.end()) {
            known_->remember(unwritten->first, unwritten->second);  // perhaps there is room now
            unwritten_.erase(unwritten);
        }
        const auto verdict = known_->check(client.name, client.fingerprint, proof);
        std::string how;
        if (verdict == KnownPeers::Verdict::in_the_clear)
            how = "in the clear only, where anybody could be it; before it proved who it is";
        else if (verdict != KnownPeers::Verdict::changed)
            return {};
        else if (client.fingerprint.empty())
            how = "with no certificate any more";
        else
            how = "with another certificate than before, " + client.fingerprint;
        return fmt::format("it comes {}. If they say that it is theirs: matrizctl trust \"{}\"", how, client.name);
    } catch (const std::exception& error) {
        return describe(error);
    }
}

std::map<std::string, std::string> TrustGate::refusals(const std::vector<protocol::ClientInfo>& clients,
                                                       const std::string& own_name) {
    std::map<std::string, std::string> refused;
    if (!known_) return refused;
    for (const protocol::ClientInfo& client : clients) {
        if (client.name == own_name) continue;
        std::string why = refusal_of(client);
        if (why.empty()) {
            said_.erase(client.name);
            continue;
        }
        if (std::exchange(said_[client.name], why) != why) log_.warning("{} is refused: {}", client.name, why);
        refused.emplace(client.name, std::move(why));
    }
    return refused;
}

}  // namespace matriz::node

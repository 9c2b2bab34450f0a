// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/known_peers.hpp"

#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/fingerprint.hpp"

namespace matriz::identity {

KnownPeers::KnownPeers(const std::string& folder) : file_(folder, "known_peers") {
    try {
        for (const auto& [name, text] : file_.read()) {
            const auto clean = protocol::clean_fingerprint(text);
            if (!clean)
                throw Error("has no fingerprint for \"{}\"; repair it, or remove that peer to trust it anew", name);
            remembered_.emplace(name, *clean);
        }
    } catch (const std::exception&) {
        rethrow_in_context("the peers that this node knows, " + file_.path());
    }
}

void KnownPeers::store(Fingerprints fingerprints) {
    file_.write(fingerprints);
    remembered_ = std::move(fingerprints);
}

void KnownPeers::require_a_place() const {
    if (remembered_.size() >= most)
        throw Error("{} holds {} peers already; remove those that are gone", file_.path(), remembered_.size());
}

KnownPeers::Verdict KnownPeers::check(const std::string& name, const std::string& fingerprint, Proof proof) {
    const auto known = remembered_.find(name);
    if (known == remembered_.end()) {
        if (fingerprint.empty() || proof == Proof::none) return Verdict::unproven;
        require_a_place();
        return Verdict::unmet;
    }
    const bool same = known->second == fingerprint;
    if (same && proof == Proof::possible) {
        offered_.erase(name);
        return Verdict::known;
    }
    offered_.insert_or_assign(name, Offered{fingerprint, proof});
    return same ? Verdict::in_the_clear : Verdict::changed;
}

bool KnownPeers::remember(const std::string& name, const std::string& fingerprint) {
    if (remembered_.contains(name)) return false;
    require_a_place();
    Fingerprints more = remembered_;
    more.emplace(name, fingerprint);
    store(std::move(more));
    return true;
}

bool KnownPeers::remembers(const std::string& name, const std::string& fingerprint) const {
    const auto known = remembered_.find(name);
    return known != remembered_.end() && known->second == fingerprint;
}

bool KnownPeers::accept(const std::string& name) {
    const auto offered = offered_.find(name);
    if (offered == offered_.end()) return false;
    Fingerprints changed = remembered_;
    if (offered->second.fingerprint.empty() || offered->second.proof == Proof::none)
        changed.erase(name);
    else
        changed.insert_or_assign(name, offered->second.fingerprint);
    store(std::move(changed));
    offered_.erase(offered);
    return true;
}

std::vector<KnownPeers::Entry> KnownPeers::entries() const {
    std::vector<Entry> list;
    for (const auto& [name, fingerprint] : remembered_) {
        const auto offered = offered_.find(name);
        Entry entry{.name = name, .fingerprint = fingerprint};
        if (offered != offered_.end()) {
            entry.refused = true;
            entry.offered = offered->second.fingerprint;
            entry.in_the_clear = offered->second.proof == Proof::none;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace matriz::identity

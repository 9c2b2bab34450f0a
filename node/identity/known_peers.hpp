// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/identity/peer_file.hpp"

namespace matriz::identity {

/// `trust: pinned`: which certificate each peer was the first to prove its own. Kept in known_peers.json, which only
/// its owner may read. Not thread-safe.
class KnownPeers {
  public:
    enum class Verdict {
        known,         ///< the one that is remembered
        unmet,         ///< the name is new: remember() it once it has proven what it says
        changed,       ///< another one, or none any more: refused until accept()
        in_the_clear,  ///< the one that is remembered, but it is only said and not proven: refused until accept()
        unproven,      ///< the name is new and proves nothing: there is nothing to hold it to
    };
    /// Whether a peer's connection shows that the certificate is its own. What comes in the clear shows nothing.
    enum class Proof { possible, none };
    struct Entry {
        std::string name;
        std::string fingerprint;    ///< remembered; empty: none
        bool refused = false;       ///< it was refused as it came, and has not come as before since
        std::string offered{};      ///< what it came with; empty: none at all
        bool in_the_clear = false;  ///< and would not have had to prove it
    };

    /// Beyond this many somebody with a room's key could fill the disk; new names are then refused.
    static constexpr std::size_t most = 4096;

    /// Reads `folder`/known_peers.json if it is there. Throws Error when it cannot be read or makes no sense; it is
    /// then left as it is, since what it holds cannot be told from anything else.
    explicit KnownPeers(const std::string& folder);

    /// Compares; what a list says is no reason to remember it. `fingerprint` is a clean one
    /// (protocol::clean_fingerprint) or empty. Throws Error when the name is new and there is no place for it; it must
    /// not be trusted then.
    Verdict check(const std::string& name, const std::string& fingerprint, Proof proof);
    /// A connection has shown that the certificate is its own. False when the name is held to one already, this or
    /// another. Throws Error when it cannot be written; then the peer must not be trusted any longer.
    bool remember(const std::string& name, const std::string& fingerprint);
    /// Is this the fingerprint that the name must prove?
    bool remembers(const std::string& name, const std::string& fingerprint) const;
    /// A person trusts what check() refused under this name last; if that proves nothing, the old fingerprint is
    /// forgotten. False when nothing was refused. Throws Error when it cannot be written; then nothing changes.
    bool accept(const std::string& name);

    /// Sorted by name.
    std::vector<Entry> entries() const;

  private:
    using Fingerprints = PeerFile::Pairs;
    struct Offered {
        std::string fingerprint;
        Proof proof = Proof::none;
    };
    void require_a_place() const;
    void store(Fingerprints fingerprints);

    PeerFile file_;
    Fingerprints remembered_;
    std::map<std::string, Offered> offered_;  ///< what was refused
};

}  // namespace matriz::identity

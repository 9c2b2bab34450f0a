// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "node/identity/peer_file.hpp"

namespace matriz::identity {

/// `trust: server`: the certificates that peers have ever proven to be their own, by an encrypted connection. Who is
/// among them is not heard in the clear only because encryption fails today: somebody on the path could see to that.
/// Kept in secured_peers.json, which only its owner may read. Not thread-safe.
class SecuredPeers {
  public:
    /// Beyond this many somebody with a room's key could fill the disk; more are not remembered.
    static constexpr std::size_t most = 4096;

    explicit SecuredPeers(const std::string& folder) : file_(folder, "secured_peers") {}

    /// Reads `folder`/secured_peers.json if it is there. Throws Error when it cannot be read or makes no sense; then
    /// nobody is in it, and the next one who is begins it anew.
    void read() { names_ = file_.read(); }
    const std::string& path() const noexcept { return file_.path(); }

    bool contains(const std::string& fingerprint) const { return names_.contains(fingerprint); }
    /// `name` is for people who look into the file. Throws an exception when it cannot be written; it is remembered
    /// until this node stops all the same.
    void remember(const std::string& fingerprint, const std::string& name);

  private:
    PeerFile file_;
    PeerFile::Pairs names_;  ///< by fingerprint
};

}  // namespace matriz::identity

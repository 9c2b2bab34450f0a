// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "configserver/auth/key_hash.hpp"

namespace matriz::auth {

enum class Role {
    node,     ///< `name` is the node's
    monitor,  ///< sees all, changes routes
    viewer,   ///< sees who is there
    guest,    ///< has the key of room `name`; chooses a name
};

struct Identity {
    Role role = Role::node;
    std::string name;
    bool operator==(const Identity&) const = default;
};

/// Keys and whom they prove. Secrets in the clear are not kept: only their HMAC under a key made at start, by which
/// they are found; so the time a lookup takes says nothing about a secret. One thread.
class Keyring {
  public:
    Keyring();
    void add(Identity identity, std::string_view key);
    void add(Identity identity, const KeyHash& hash);
    /// Takes one hash away again.
    void remove(const Identity& identity, const KeyHash& hash);
    /// One without keys, that takes those of the same run: what remember() has seen is found there too, as soon as its
    /// hash is. A reload is built there, beside the one in use.
    Keyring emptied() const;

    /// Whom `key` proves, of the keys in the clear and those that remember() has seen and that are still there.
    std::vector<Identity> find(std::string_view key) const { return find_mac(mac(key)); }
    /// The same for mac(key): whether somebody who came in with a key could come in again.
    std::vector<Identity> find_mac(const std::string& digest) const;

    struct Candidate {
        Identity identity;
        KeyHash hash;
        bool operator==(const Candidate&) const = default;
    };
    /// The hashes worth trying for `key` when find() has nothing: by the key's ID, or by the name or room that came
    /// with it; a few at most.
    std::vector<Candidate> candidates(std::string_view key, const std::string& name, const std::string& room) const;
    /// Those worth trying though find() has something: one key may belong to several names, each with a hash of its
    /// own.
    std::vector<Candidate> further_candidates(std::string_view key, const std::string& name) const;
    /// `key` has matched `candidate`: find() knows it from now on, as long as that hash is in the keyring.
    void remember(const Candidate& candidate, std::string_view key);

    /// Does a key in the clear, or a hash, name this node?
    bool has_node(const std::string& name) const { return node_names_.contains(name); }
    /// The HMAC of `text` in hex: names a secret without giving it away, within this run of the program.
    std::string mac(std::string_view text) const;

  private:
    void note(const Identity& identity);
    /// By what a hash is found.
    static std::string place(const Candidate& candidate);
    const std::vector<Candidate>& hashed(const std::string& place) const;
    bool holds(const Candidate& candidate) const;

    std::array<std::uint8_t, 32> secret_{};
    std::unordered_multimap<std::string, Identity> by_mac_;
    std::unordered_map<std::string, std::vector<Candidate>> hashed_;  ///< by place()
    std::unordered_multimap<std::string, Candidate> remembered_;  ///< by MAC; may hold what hashed_ does not any more
    std::unordered_set<std::string> node_names_;
};

}  // namespace matriz::auth

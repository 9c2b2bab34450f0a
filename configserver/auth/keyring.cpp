// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/keyring.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

#include "common/base/error.hpp"

namespace matriz::auth {
namespace {

constexpr std::size_t max_candidates = 4;

}  // namespace

Keyring::Keyring() {
    if (RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) != 1)
        throw Error("the system gives no randomness");
}

std::string Keyring::mac(std::string_view text) const {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
    return {reinterpret_cast<const char*>(digest.data()), size};
}

void Keyring::note(const Identity& identity) {
    if (identity.role == Role::node) node_names_.insert(identity.name);
}

void Keyring::add(Identity identity, std::string_view key) {
    note(identity);
    by_mac_.emplace(mac(key), std::move(identity));
}

void Keyring::add(Identity identity, const KeyHash& hash) {
    note(identity);
    hashed_.push_back({std::move(identity), hash});
}

void Keyring::remove(const Identity& identity, const KeyHash& hash) {
    std::erase(hashed_, Candidate{identity, hash});
    const auto still = [&](const Identity& other) { return other == identity; };
    if (std::none_of(hashed_.begin(), hashed_.end(), [&](const auto& left) { return still(left.identity); }) &&
        std::none_of(by_mac_.begin(), by_mac_.end(), [&](const auto& left) { return still(left.second); }))
        node_names_.erase(identity.name);
}

void Keyring::clear() {
    by_mac_.clear();
    hashed_.clear();
    node_names_.clear();
}

std::vector<Identity> Keyring::find_mac(const std::string& digest) const {
    std::vector<Identity> found;
    const auto [first, last] = by_mac_.equal_range(digest);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
    if (const auto seen = remembered_.find(digest); seen != remembered_.end())
        if (std::find(hashed_.begin(), hashed_.end(), seen->second) != hashed_.end())
            found.push_back(seen->second.identity);
    return found;
}

std::vector<Keyring::Candidate> Keyring::candidates(std::string_view key, std::string_view name,
                                                    std::string_view room) const {
    const std::string_view id = key_id(key);
    std::vector<Candidate> worth;
    for (const Candidate& candidate : hashed_) {
        if (worth.size() >= max_candidates) break;
        const Identity& who = candidate.identity;
        const bool named = (who.role == Role::node && who.name == name) ||
                           (who.role == Role::guest && who.name == room) || who.role == Role::monitor ||
                           who.role == Role::viewer;
        if (!id.empty() ? candidate.hash.id == id : candidate.hash.id.empty() && named) worth.push_back(candidate);
    }
    return worth;
}

void Keyring::remember(const Candidate& candidate, std::string_view key) {
    remembered_.insert_or_assign(mac(key), candidate);
}

}  // namespace matriz::auth

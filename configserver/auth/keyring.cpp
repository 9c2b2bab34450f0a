// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/keyring.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <iterator>

#include "common/base/error.hpp"

namespace matriz::auth {
namespace {

constexpr std::ptrdiff_t max_candidates = 4;  // each costs a hash

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

Keyring Keyring::emptied() const {
    Keyring empty = *this;
    empty.by_mac_.clear();
    empty.hashed_.clear();
    empty.node_names_.clear();
    return empty;
}

std::string Keyring::place(const Candidate& candidate) {
    const auto& [identity, hash] = candidate;
    if (!hash.id.empty()) return "id:" + hash.id;
    if (identity.role == Role::node) return "node:" + identity.name;
    return identity.role == Role::guest ? "room:" + identity.name : "any";
}

void Keyring::add(Identity identity, std::string_view key) {
    note(identity);
    by_mac_.emplace(mac(key), std::move(identity));
}

void Keyring::add(Identity identity, const KeyHash& hash) {
    note(identity);
    Candidate candidate{std::move(identity), hash};
    hashed_[place(candidate)].push_back(std::move(candidate));
}

const std::vector<Keyring::Candidate>& Keyring::hashed(const std::string& place) const {
    static const std::vector<Candidate> none;
    const auto found = hashed_.find(place);
    return found == hashed_.end() ? none : found->second;
}

bool Keyring::holds(const Candidate& candidate) const {
    const auto& there = hashed(place(candidate));
    return std::find(there.begin(), there.end(), candidate) != there.end();
}

void Keyring::remove(const Identity& identity, const KeyHash& hash) {
    const Candidate candidate{identity, hash};
    if (const auto found = hashed_.find(place(candidate)); found != hashed_.end()) {
        std::erase(found->second, candidate);
        if (found->second.empty()) hashed_.erase(found);
    }
    const auto same = [&](const Identity& other) { return other == identity; };
    const bool in_the_clear =
        std::any_of(by_mac_.begin(), by_mac_.end(), [&](const auto& left) { return same(left.second); });
    const bool as_hash = std::any_of(hashed_.begin(), hashed_.end(), [&](const auto& there) {
        return std::any_of(there.second.begin(), there.second.end(),
                           [&](const Candidate& left) { return same(left.identity); });
    });
    if (!in_the_clear && !as_hash) node_names_.erase(identity.name);
}

std::vector<Identity> Keyring::find_mac(const std::string& digest) const {
    std::vector<Identity> found;
    const auto [first, last] = by_mac_.equal_range(digest);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
    const auto [begin, end] = remembered_.equal_range(digest);
    for (auto it = begin; it != end; ++it)
        if (holds(it->second)) found.push_back(it->second.identity);
    return found;
}

std::vector<Keyring::Candidate> Keyring::candidates(std::string_view key, const std::string& name,
                                                    const std::string& room) const {
    std::vector<Candidate> worth;
    if (const std::string_view id = key_id(key); !id.empty()) {
        worth = hashed("id:" + std::string(id));
        // One key may have many names: the one that is asked for first.
        std::stable_partition(worth.begin(), worth.end(), [&](const Candidate& candidate) {
            return candidate.identity == Identity{Role::node, name};
        });
    } else {
        for (const std::string& place : {"node:" + name, "room:" + room, std::string("any")})
            worth.insert(worth.end(), hashed(place).begin(), hashed(place).end());
    }
    if (std::ssize(worth) > max_candidates) worth.erase(worth.begin() + max_candidates, worth.end());
    return worth;
}

std::vector<Keyring::Candidate> Keyring::further_candidates(std::string_view key, const std::string& name) const {
    const Identity wanted{Role::node, name};
    const auto known = find(key);
    if (std::find(known.begin(), known.end(), wanted) != known.end()) return {};
    auto worth = candidates(key, name, "");
    std::erase_if(worth, [&](const Candidate& candidate) { return candidate.identity != wanted; });
    return worth;
}

void Keyring::remember(const Candidate& candidate, std::string_view key) {
    const std::string digest = mac(key);
    const auto [first, last] = remembered_.equal_range(digest);
    if (std::none_of(first, last, [&](const auto& seen) { return seen.second == candidate; }))
        remembered_.emplace(digest, candidate);
}

}  // namespace matriz::auth

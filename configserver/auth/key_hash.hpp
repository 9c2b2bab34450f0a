// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace matriz::auth {

/// A key as it may be stored: scrypt (RFC 7914) of the secret, with what is needed to compute it again. Written
/// "scrypt:ID:LOG2N:R:P:SALT:HASH" (salt and hash in hex). ID is no secret: keys made by --new-key begin with it, so
/// that a key alone finds its hash; for a key of one's own choice it is empty. Any thread.
struct KeyHash {
    std::string id;
    unsigned log2_n = 14;
    unsigned r = 8;
    unsigned p = 1;
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 32> hash{};
    bool operator==(const KeyHash&) const = default;

    static std::optional<KeyHash> parse(std::string_view text);
    /// Hashes `key` with a new salt; one from make_key() cheaply, since nobody guesses 160 random bits however fast it
    /// goes, any other so that a guess takes long. Throws Error when the system has no randomness or memory.
    static KeyHash make(std::string_view key);
    std::string to_string() const;
    /// Takes some 30 ms and 16 MiB on purpose (a key from make_key(): 2 ms and 1 MiB): never on the main thread. False
    /// also when there is no memory.
    bool matches(std::string_view key) const;
};

/// A new random key: "ID-SECRET", 8 and 32 characters.
std::string make_key();
/// The ID a key from make_key() begins with; empty for any other.
std::string_view key_id(std::string_view key);

}  // namespace matriz::auth

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/key_hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <charconv>
#include <span>
#include <vector>

#include "common/base/error.hpp"

namespace matriz::auth {
namespace {

constexpr std::size_t id_length = 8;
constexpr std::size_t secret_length = 32;
constexpr unsigned least_log2_n = 10;
constexpr std::uint64_t max_memory = std::uint64_t{128} * 1024 * 1024;
/// No character that looks like another; 32 of them, so that five bits choose one without bias.
constexpr std::string_view alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(alphabet.size() == 32);

void fill_random(std::span<std::uint8_t> out) {
    if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) throw Error("the system gives no randomness");
}

bool scrypt(const KeyHash& settings, std::string_view key, std::array<std::uint8_t, 32>& out) {
    return EVP_PBE_scrypt(key.data(), key.size(), settings.salt.data(), settings.salt.size(),
                          std::uint64_t{1} << settings.log2_n, settings.r, settings.p, max_memory, out.data(),
                          out.size()) == 1;
}

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

bool unhex(std::string_view text, std::span<std::uint8_t> out) {
    if (text.size() != 2 * out.size()) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const char* at = text.data() + 2 * i;
        if (const auto [end, error] = std::from_chars(at, at + 2, out[i], 16); error != std::errc{} || end != at + 2)
            return false;
    }
    return true;
}

bool number(std::string_view text, unsigned least, unsigned most, unsigned& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out >= least && out <= most;
}

bool is_id(std::string_view text) {
    return text.size() == id_length && text.find_first_not_of(alphabet) == std::string_view::npos;
}

}  // namespace

std::optional<KeyHash> KeyHash::parse(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::string_view rest = text;;) {
        const auto colon = rest.find(':');
        parts.push_back(rest.substr(0, colon));
        if (colon == std::string_view::npos) break;
        rest.remove_prefix(colon + 1);
    }
    KeyHash result;
    if (parts.size() != 7 || parts[0] != "scrypt") return std::nullopt;
    if (!parts[1].empty() && !is_id(parts[1])) return std::nullopt;
    result.id = parts[1];
    // Bounded: 16 is 64 MiB with r = 8, the most that a config may make each attempt cost.
    if (!number(parts[2], least_log2_n, 16, result.log2_n) || !number(parts[3], 1, 8, result.r) ||
        !number(parts[4], 1, 4, result.p))
        return std::nullopt;
    if (!unhex(parts[5], result.salt) || !unhex(parts[6], result.hash)) return std::nullopt;
    return result;
}

KeyHash KeyHash::make(std::string_view key) {
    KeyHash result;
    result.id = key_id(key);
    if (!result.id.empty()) result.log2_n = least_log2_n;
    fill_random(result.salt);
    if (!scrypt(result, key, result.hash)) throw Error("cannot hash the key: out of memory");
    return result;
}

std::string KeyHash::to_string() const {
    return fmt::format("scrypt:{}:{}:{}:{}:{}:{}", id, log2_n, r, p, hex(salt), hex(hash));
}

bool KeyHash::matches(std::string_view key) const {
    std::array<std::uint8_t, 32> candidate{};
    return scrypt(*this, key, candidate) && CRYPTO_memcmp(candidate.data(), hash.data(), hash.size()) == 0;
}

std::string make_key() {
    std::array<std::uint8_t, id_length + secret_length> random{};
    fill_random(random);
    std::string key;
    for (std::size_t i = 0; i < random.size(); ++i) {
        if (i == id_length) key += '-';
        key += alphabet[random[i] % alphabet.size()];
    }
    return key;
}

std::string_view key_id(std::string_view key) {
    const bool ours = key.size() == id_length + 1 + secret_length && key[id_length] == '-' &&
                      is_id(key.substr(0, id_length)) &&
                      key.substr(id_length + 1).find_first_not_of(alphabet) == std::string_view::npos;
    return ours ? key.substr(0, id_length) : std::string_view{};
}

}  // namespace matriz::auth

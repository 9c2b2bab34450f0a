// SPDX-License-Identifier: GPL-3.0-or-later
// Hashes of keys, as a config and the store have them: what is understood is written again the same, and costs no more
// than a config may make each attempt cost. And the keys themselves, which strangers send.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "configserver/auth/key_hash.hpp"

namespace {

using namespace matriz::auth;

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto hash = KeyHash::parse(text)) {
        check(KeyHash::parse(hash->to_string()) == hash);
        check(hash->log2_n >= 10 && hash->log2_n <= 16 && hash->r >= 1 && hash->r <= 8 && hash->p >= 1 && hash->p <= 4);
        check(hash->id.empty() || text.find(hash->id) != std::string_view::npos);
        check(hash->id.empty() || key_id(hash->id + "-" + std::string(32, 'a')) == hash->id);
    }
    const std::string_view id = key_id(text);
    check(id.empty() || (text.starts_with(id) && id.size() < text.size() && text[id.size()] == '-'));
    // A key that has an id fits into a hash, so that the hash can be found by it.
    if (!id.empty()) {
        KeyHash hash;
        hash.id = id;
        check(KeyHash::parse(hash.to_string()) == hash);
    }
    return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/ice/ice.hpp"

#include <fmt/format.h>
#include <glib.h>

#include <algorithm>
#include <array>
#include <memory>

namespace matriz::ice {
namespace {

constexpr gsize sha1_size = 20;

const guchar* bytes_of(std::string_view text) { return reinterpret_cast<const guchar*>(text.data()); }

std::string base64_hmac_sha1(std::string_view secret, std::string_view text) {
    const std::unique_ptr<GHmac, decltype(&g_hmac_unref)> hmac(
        g_hmac_new(G_CHECKSUM_SHA1, bytes_of(secret), secret.size()), g_hmac_unref);
    g_hmac_update(hmac.get(), bytes_of(text), static_cast<gssize>(text.size()));
    std::array<guint8, sha1_size> digest{};
    gsize size = digest.size();
    g_hmac_get_digest(hmac.get(), digest.data(), &size);
    const std::unique_ptr<char, decltype(&g_free)> encoded(g_base64_encode(digest.data(), size), g_free);
    return encoded.get();
}

}  // namespace

Credential make_credential(std::string_view secret, std::string_view name,
                           std::chrono::system_clock::time_point expires) {
    std::string username = fmt::format("{}:{}", std::chrono::system_clock::to_time_t(expires), name);
    std::string password = base64_hmac_sha1(secret, username);
    return {std::move(username), std::move(password)};
}

bool Servers::configure(const std::vector<settings::IceServer>& servers) {
    const bool changed = servers != servers_;
    servers_ = servers;
    return changed;
}

std::vector<protocol::IceServer> Servers::of(std::string_view node, std::chrono::system_clock::time_point now) const {
    std::vector<protocol::IceServer> list;
    for (const settings::IceServer& server : servers_) {
        list.push_back({.urls = server.urls, .username = server.username, .credential = server.credential});
        if (server.secret.empty()) continue;
        auto made = make_credential(server.secret, node, now + std::chrono::seconds(server.ttl));
        list.back().username = std::move(made.username);
        list.back().credential = std::move(made.password);
    }
    return list;
}

std::optional<std::chrono::seconds> Servers::renewal() const {
    std::optional<std::chrono::seconds> soonest;
    for (const settings::IceServer& server : servers_)
        if (const std::chrono::seconds half(server.ttl / 2); !server.secret.empty())
            soonest = std::min(soonest.value_or(half), half);
    return soonest;
}

}  // namespace matriz::ice

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/schema.hpp"
#include "configserver/http/limits.hpp"
#include "configserver/net/address.hpp"

namespace matriz::settings {

/// A name and the secret that proves it: in the clear, or as a hash from `--new-key`.
struct NamedKey {
    std::string name;
    std::string key;
    std::string key_hash;
    bool given() const noexcept { return !key.empty() || !key_hash.empty(); }
};

/// As many nodes as a room may take: the list of them, with the longest names, must fit into one message.
inline constexpr int max_room = 512;

struct Room {
    std::string name;
    std::vector<std::string> members;  ///< names from client_keys; empty with no key: every one of them
    std::string key;                   ///< whoever has it may come in, under a name of their own choice
    std::string key_hash;
    bool open = false;  ///< listed at GET /rooms ("public" in the config)
    int limit = 64;
    bool has_key() const noexcept { return !key.empty() || !key_hash.empty(); }
};

/// A STUN or TURN server, with the credentials that nodes use there: fixed ones, or made from a secret that it shares
/// with us.
struct IceServer {
    std::vector<std::string> urls;
    std::string username;
    std::string credential;
    std::string secret;
    int ttl = 86'400;  ///< seconds for which a made credential lasts
    bool operator==(const IceServer&) const = default;
};

enum class ClientCerts { off, request, require };

/// clients.json, typed. Defaults are those of the documentation.
struct Settings {
    std::vector<NamedKey> client_keys;
    NamedKey monitor_key;
    NamedKey viewer_key;
    bool public_status = false;

    std::string listen;  ///< empty: 127.0.0.1:5000, with TLS [::]:5000
    std::string tls_crt;
    std::string tls_key;
    std::string ca_crt;
    ClientCerts client_certs = ClientCerts::off;
    std::vector<net::Network> trusted_proxies;

    std::vector<Room> rooms;
    std::string default_room = "default";
    bool port_check = true;
    int port_check_timeout_s = 5;
    std::vector<IceServer> ice_servers;
    std::string stun;  ///< "off"; empty: stun_on() decides

    std::string store;  ///< empty: where default_store() says
    std::vector<std::string> on_change;
    int on_change_delay_ms = 500;
    int on_change_timeout_s = 10;
    std::string render_template;
    std::string render_output;
    bool public_metrics = false;

    http::Limits limits;
    int max_connections = static_cast<int>(http::Limits{}.connections);
    int max_connections_per_address = static_cast<int>(http::Limits{}.connections_per_address);
    int max_unregistered = static_cast<int>(http::Limits{}.unregistered);
    int max_viewers_without_key = static_cast<int>(http::Limits{}.onlookers);
    int max_message_bytes = static_cast<int>(http::Limits{}.message_size);
    int max_header_bytes = static_cast<int>(http::Limits{}.head_size);
    int max_messages_per_second = static_cast<int>(http::Limits{}.messages_per_second);
    int max_queue_bytes = static_cast<int>(http::Limits{}.queue_bytes);
    int max_relayed_bytes_per_second = 8 * 1024 * 1024;
    int max_signals_per_second = 50;
    int max_signal_bytes = 16 * 1024;
    int register_timeout_s = 10;
    int failed_attempts_per_minute = 10;
    int max_changes_per_second = 10;

    bool tls() const noexcept { return !tls_crt.empty(); }
    /// Where to listen, and whether somebody chose it.
    net::HostPort listen_on() const;
    /// Where to answer STUN; nothing: nowhere.
    std::optional<net::HostPort> stun_on() const;
    /// The room of that name; the default room exists even when the config does not describe it.
    const Room* find_room(const std::string& name) const noexcept;
};

/// The table behind parsing, --help-config and docs/configuration.md.
const config::Schema<Settings>& schema();

/// Reads `path`. Throws config::ConfigError with every error; `warnings` gets unknown and ignored keys.
Settings load(const std::string& path, config::Problems& warnings);

}  // namespace matriz::settings

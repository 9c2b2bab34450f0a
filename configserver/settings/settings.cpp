// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/settings/settings.hpp"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "common/protocol/ice_server.hpp"
#include "common/protocol/limits.hpp"
#include "configserver/auth/key_hash.hpp"

namespace matriz::settings {
namespace {

using config::as_json;
using config::Invalid;

std::string string_of(const Json::Value& json) {
    if (!json.isString()) throw Invalid("{} is not a string", as_json(json));
    return json.asString();
}

std::string read_name(const Json::Value& json) {
    std::string text = string_of(json);
    if (text.empty()) throw Invalid("empty");
    if (text.size() > protocol::max_name) throw Invalid("longer than {} bytes", protocol::max_name);
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        throw Invalid("has control characters");
    return text;
}

std::string read_key(const Json::Value& json) {
    if (!json.isString()) throw Invalid("not a string");  // never repeats what may be a key
    if (json.asString().empty()) throw Invalid("empty");
    if (json.asString().size() > protocol::max_key) throw Invalid("longer than {} bytes", protocol::max_key);
    return json.asString();
}

std::string read_hash(const Json::Value& json) {
    const std::string text = string_of(json);
    if (!auth::KeyHash::parse(text)) throw Invalid("this is no hash that --new-key makes");
    return text;
}

std::string read_host_port(const Json::Value& json) {
    const std::string text = string_of(json);
    if (!net::HostPort::parse(text)) throw Invalid("{} is not HOST:PORT", as_json(json));
    return text;
}

std::string read_listen(const Json::Value& json) {
    std::string text = read_host_port(json);
    const std::string host = net::HostPort::parse(text)->host;
    if (net::IpAddress::parse(host)) return text;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (error == 0)
        freeaddrinfo(found);
    else if (error != EAI_AGAIN)  // that is no error of the config: the network is not up yet, and the listener tells
        throw Invalid("{} is no host of this network: {}", as_json(json), gai_strerror(error));
    return text;
}

std::string read_stun(const Json::Value& json) {
    return json.isString() && json.asString() == "off" ? "off" : read_host_port(json);
}

std::string read_file(const Json::Value& json) {
    std::string path = string_of(json);
    struct stat info {};
    if (!path.empty() && (::stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)))
        throw Invalid("there is no file {}", as_json(json));
    return path;
}

/// A store that is not there yet is made, its folder is not.
std::string read_store(const Json::Value& json) {
    std::string path = string_of(json);
    const auto folder = std::filesystem::path(path).parent_path();
    struct stat info {};
    if (!folder.empty() && (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)))
        throw Invalid("there is no folder \"{}\"", folder.string());
    return path;
}

/// Does `read`, one of OpenSSL's PEM readers, find something in the file?
template <class Read, class Free>
void check_pem(const Json::Value& json, const std::string& path, const char* what, Read read, Free free) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "r"), BIO_free);
    if (!file) throw Invalid("{} cannot be read", as_json(json));
    // Nobody is there to be asked for a passphrase.
    const auto none = [](char*, int, int, void*) { return -1; };
    auto* found = read(file.get(), nullptr, none, nullptr);
    free(found);
    ERR_clear_error();
    if (found == nullptr) throw Invalid("{} holds no {} in PEM form", as_json(json), what);
}

std::string read_certificate(const Json::Value& json) {
    std::string path = read_file(json);
    if (!path.empty()) check_pem(json, path, "certificate", PEM_read_bio_X509, X509_free);
    return path;
}

std::string read_private_key(const Json::Value& json) {
    std::string path = read_file(json);
    if (!path.empty())
        check_pem(json, path, "private key without a passphrase", PEM_read_bio_PrivateKey, EVP_PKEY_free);
    return path;
}

std::vector<net::Network> read_networks(const Json::Value& json) {
    if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
    std::vector<net::Network> networks;
    for (const Json::Value& item : json) {
        const auto network = item.isString() ? net::Network::parse(item.asString()) : std::nullopt;
        if (!network) throw Invalid("{} is no network", as_json(item));
        networks.push_back(*network);
    }
    return networks;
}

std::vector<std::string> read_names(const Json::Value& json) {
    if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
    std::vector<std::string> names;
    for (const Json::Value& item : json) names.push_back(read_name(item));
    return names;
}

std::vector<std::string> read_command(const Json::Value& json) {
    if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
    std::vector<std::string> words;
    for (const Json::Value& item : json) words.push_back(string_of(item));
    if (!words.empty() && words.front().empty()) throw Invalid("the program's name is empty");
    return words;
}

void check_one_secret(NamedKey& key) {
    if (!key.key.empty() && !key.key_hash.empty()) throw Invalid("give key or key_hash, not both");
    if (!key.given()) throw Invalid("neither key nor key_hash is given; accepted: one of them");
}

config::Schema<NamedKey> key_schema() {
    config::Schema<NamedKey> s;
    s.value("name", &NamedKey::name, "up to 64 bytes of text", "", "Whose key this is.", read_name);
    s.value("key", &NamedKey::key, "up to 256 bytes of text", "", "The secret in the clear.", read_key);
    s.value("key_hash", &NamedKey::key_hash, "a line from --new-key", "", "The secret's hash, instead of key.",
            read_hash);
    s.required({"name"});
    s.check("key", check_one_secret);
    return s;
}

config::Schema<Room> room_schema() {
    config::Schema<Room> s;
    s.value("name", &Room::name, "up to 64 bytes of text", "", "The room's name.", read_name);
    s.value("members", &Room::members, "a list of names from client_keys", Json::Value(Json::arrayValue),
            "Who may come in. Empty: all of client_keys, unless the room has a key of its own.", read_names);
    s.value("key", &Room::key, "up to 256 bytes of text", "",
            "Whoever registers with it may come in, under a name that is not in client_keys.", read_key);
    s.value("key_hash", &Room::key_hash, "a line from --new-key", "", "The room key's hash, instead of key.",
            read_hash);
    s.flag("public", &Room::open, "List the room at GET /rooms.");
    s.integer("limit", &Room::limit, 1, max_room, "How many nodes it takes.");
    s.required({"name"});
    s.check("key", [](Room& room) {
        if (!room.key.empty() && !room.key_hash.empty()) throw Invalid("give key or key_hash, not both");
    });
    return s;
}

std::vector<std::string> read_ice_urls(const Json::Value& json) {
    if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
    if (json.empty() || json.size() > protocol::max_ice_urls)
        throw Invalid("{} URLs, not 1 to {}", json.size(), protocol::max_ice_urls);
    std::vector<std::string> urls;
    for (const Json::Value& item : json) {
        if (!item.isString() || !protocol::parse_ice_url(item.asString()))
            throw Invalid("{} is no STUN or TURN URL", as_json(item));
        urls.push_back(item.asString());
    }
    return urls;
}

std::string read_ice_text(const Json::Value& json) {
    if (!json.isString()) throw Invalid("not a string");  // never repeats what may be a secret
    std::string text = json.asString();
    if (text.empty() || text.size() > protocol::max_ice_text)
        throw Invalid("{} bytes, not 1 to {}", text.size(), protocol::max_ice_text);
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        throw Invalid("has control characters");
    return text;
}

void check_ice_server(IceServer& server) {
    const bool fixed = !server.username.empty() || !server.credential.empty();
    if (fixed && !server.secret.empty()) throw Invalid("give username and credential, or secret, not both");
    if (server.username.empty() != server.credential.empty()) throw Invalid("username and credential go together");
    const bool turn = std::any_of(server.urls.begin(), server.urls.end(),
                                  [](const std::string& url) { return protocol::parse_ice_url(url)->turn; });
    if (turn && !fixed && server.secret.empty())
        throw Invalid("a TURN server lets nobody in without username and credential, or secret");
}

std::string advice_on_tls(const IceServer& server) {
    const auto tls = std::find_if(server.urls.begin(), server.urls.end(),
                                  [](const std::string& url) { return protocol::parse_ice_url(url)->tls; });
    if (tls == server.urls.end()) return {};
    return fmt::format(
        "nodes pass over \"{}\": their ICE library knows no TLS; where UDP is blocked, "
        "\"turn:HOST:PORT?transport=tcp\" helps",
        *tls);
}

config::Schema<IceServer> ice_schema() {
    config::Schema<IceServer> s;
    s.value("urls", &IceServer::urls, "a list of stun:, stuns:, turn: or turns: URLs", Json::Value(Json::arrayValue),
            "Where it is: \"turn:turn.example.org:3478?transport=udp\".", read_ice_urls);
    s.value("username", &IceServer::username, "up to 256 bytes of text", "", "The name that every node uses there.",
            read_ice_text);
    s.value("credential", &IceServer::credential, "up to 256 bytes of text", "", "The password of username.",
            read_ice_text);
    s.value("secret", &IceServer::secret, "up to 256 bytes of text", "",
            "The TURN server's static-auth-secret: each node gets credentials of its own that end.", read_ice_text);
    s.integer("ttl", &IceServer::ttl, 10, 30 * 86'400,
              "Seconds for which such credentials last; new ones go out in time.");
    s.required({"urls"});
    s.check("urls", check_ice_server);
    s.advise("urls", advice_on_tls);
    return s;
}

void add_identity_keys(config::Schema<Settings>& s) {
    s.objects("client_keys", &Settings::client_keys, key_schema(),
              "The nodes that may register. A name belongs to its key.");
    s.object("monitor_key", &Settings::monitor_key, key_schema(),
             "The key that sees everything and may change who hears whom.");
    s.object("viewer_key", &Settings::viewer_key, key_schema(), "The key of web pages that show who is there.");
    s.flag("public_status", &Settings::public_status,
           "Let web pages see the default room and public ones without a key.");
    s.flag("public_metrics", &Settings::public_metrics,
           "Answer GET /metrics to anyone. false: to this machine, and to whoever has the monitor's key.");
    s.integer("failed_attempts_per_minute", &Settings::failed_attempts_per_minute, 1, 10'000,
              "How many wrong keys one address may try; after that it must wait.");
}

void add_network_keys(config::Schema<Settings>& s) {
    s.value("listen", &Settings::listen, "\"HOST:PORT\"", "",
            "Where to listen. Empty: 127.0.0.1:5000 without TLS, [::]:5000 (everywhere) with it.", read_listen);
    s.value("tls_crt", &Settings::tls_crt, "the path of a PEM file", "", "The server's certificate and its chain.",
            read_certificate);
    s.value("tls_key", &Settings::tls_key, "the path of a PEM file", "", "The private key of tls_crt.",
            read_private_key);
    s.value("ca_crt", &Settings::ca_crt, "the path of a PEM file", "", "The CA that clients' certificates come from.",
            read_certificate);
    s.choice<ClientCerts>(
        "client_certs", &Settings::client_certs,
        {{"off", ClientCerts::off}, {"request", ClientCerts::request}, {"require", ClientCerts::require}},
        "Whether clients show a certificate of ca_crt. request: those without one come in too.");
    s.value("trusted_proxies", &Settings::trusted_proxies, "a list of networks such as \"127.0.0.1\"",
            Json::Value(Json::arrayValue), "Proxies whose X-Forwarded-For is believed.", read_networks);
    s.objects("ice_servers", &Settings::ice_servers, ice_schema(),
              "The STUN and TURN servers by which nodes find a way through their routers.");
    s.value("stun", &Settings::stun, "\"HOST:PORT\" or \"off\"", "",
            "Where the server itself tells nodes, over UDP, how the world sees them (STUN). Empty: port 3478 of the "
            "host in "
            "listen, unless that is this machine only.",
            read_stun);
    s.flag("port_check", &Settings::port_check, "Try whether each node's RTSP port can be reached from here.");
    s.integer("port_check_timeout_s", &Settings::port_check_timeout_s, 1, 300,
              "Seconds after which a port that does not answer counts as closed; an original client waits so long to "
              "be let in.");
}

void add_room_keys(config::Schema<Settings>& s) {
    s.objects("rooms", &Settings::rooms, room_schema(), "Only members of the same room see one another.");
    s.value("default_room", &Settings::default_room, "up to 64 bytes of text", Settings{}.default_room,
            "The room of those that ask for none, original clients among them.", read_name);
}

void add_operation_keys(config::Schema<Settings>& s) {
    s.value(
        "store", &Settings::store, "a path", "",
        "The SQLite file for what outlives a restart, made when there is something to keep. Empty: this config's name "
        "with .sqlite, in $STATE_DIRECTORY or else beside the config.",
        read_store);
    s.value("on_change", &Settings::on_change, "a list: the program and its arguments", Json::Value(Json::arrayValue),
            "Run without a shell when a client list changes, with all rooms as JSON on its standard input.",
            read_command);
    s.integer("on_change_delay_ms", &Settings::on_change_delay_ms, 0, 60'000,
              "Wait for further changes this long before on_change runs and the template is rendered.");
    s.integer("on_change_timeout_s", &Settings::on_change_timeout_s, 1, 3600, "Kill on_change's program after this.");
    s.text("render_template", &Settings::render_template,
           "A template that is rendered to render_output on each change.", "a path");
    s.text("render_output", &Settings::render_output, "Where the rendered template goes.", "a path");
}

void add_limit_keys(config::Schema<Settings>& s) {
    s.integer("max_connections", &Settings::max_connections, 1, 1'000'000, "Connections in all.");
    s.integer("max_connections_per_address", &Settings::max_connections_per_address, 1, 1'000'000,
              "Connections from one IPv4 address or IPv6 /64.");
    s.integer("max_unregistered", &Settings::max_unregistered, 1, 1'000'000,
              "Connections that have not registered; beyond that the oldest of the address with the most gives way.");
    s.integer("max_viewers_without_key", &Settings::max_viewers_without_key, 1, 1'000'000,
              "Web pages that look on without a key, where public_status lets them; they give way likewise, and before "
              "all others when max_connections is reached.");
    s.integer("max_message_bytes", &Settings::max_message_bytes, 1024, static_cast<int>(protocol::max_message),
              "Size of one message.");
    s.integer("max_header_bytes", &Settings::max_header_bytes, 1024, 65'536, "Size of an HTTP request's head.");
    s.integer("max_messages_per_second", &Settings::max_messages_per_second, 2, 10'000,
              "Messages of one connection; four times as many may come in a burst.");
    s.integer("max_queue_bytes", &Settings::max_queue_bytes, 65'536, 256 * 1024 * 1024,
              "What may wait for a connection that reads slowly; beyond that it is closed.");
    s.integer("max_relayed_bytes_per_second", &Settings::max_relayed_bytes_per_second, 65'536, 1024 * 1024 * 1024,
              "What one sender's messages to all others may come to, each receiver's counted; four times as much for "
              "all senders of a room.");
    s.integer("max_signals_per_second", &Settings::max_signals_per_second, 1, 10'000,
              "Signals that one node may send to others; eight times as many may come in a burst.");
    s.integer("max_signal_bytes", &Settings::max_signal_bytes, 1024, static_cast<int>(protocol::max_message),
              "Size of one signal.");
    s.integer(
        "max_changes_per_second", &Settings::max_changes_per_second, 1, 10'000,
        "Changes of routes and keys that monitors at one address may make, by HTTP or websocket; five times as many "
        "may come in a burst.");
    s.integer("register_timeout_s", &Settings::register_timeout_s, 1, 600,
              "Seconds from connecting to having registered.");
}

void gather_limits(Settings& settings) {
    http::Limits& limits = settings.limits;
    limits.connections = static_cast<std::size_t>(settings.max_connections);
    limits.connections_per_address = static_cast<std::size_t>(settings.max_connections_per_address);
    limits.unregistered = static_cast<std::size_t>(settings.max_unregistered);
    limits.onlookers = static_cast<std::size_t>(settings.max_viewers_without_key);
    limits.message_size = static_cast<std::size_t>(settings.max_message_bytes);
    limits.head_size = static_cast<std::size_t>(settings.max_header_bytes);
    limits.messages_per_second = settings.max_messages_per_second;
    limits.queue_bytes = static_cast<std::size_t>(settings.max_queue_bytes);
    limits.register_time = std::chrono::seconds(settings.register_timeout_s);
}

void check_tls(Settings& settings) {
    if (settings.tls_crt.empty() != settings.tls_key.empty())
        throw Invalid("tls_crt and tls_key go together: a certificate and its private key");
    if (settings.client_certs != ClientCerts::off && (settings.ca_crt.empty() || !settings.tls()))
        throw Invalid("client_certs needs tls_crt, tls_key and ca_crt");
}

void check_render(Settings& settings) {
    if (settings.render_template.empty() != settings.render_output.empty())
        throw Invalid("render_template and render_output go together");
}

void check_ice_servers(Settings& settings) {
    if (settings.ice_servers.size() > protocol::max_ice_servers)
        throw Invalid("more than {} servers", protocol::max_ice_servers);
}

/// A name has one key, and a key one kind of holder: whoever has it is not asked which of them it is.
void check_keys(Settings& settings) {
    std::set<std::string> names;
    for (const NamedKey& key : settings.client_keys)
        if (!names.insert(key.name).second) throw Invalid("\"{}\" is there twice; accepted: one key a name", key.name);
    std::map<std::string, std::string> holders;
    const auto take = [&](const std::string& secret, const std::string& holder) {
        if (secret.empty()) return;
        const auto [found, fresh] = holders.emplace(secret, holder);
        if (!fresh && found->second != holder)
            throw Invalid("{} and {} have the same key; accepted: different ones", found->second, holder);
    };
    for (const NamedKey& key : settings.client_keys) {
        take(key.key, "nodes of client_keys");
        take(key.key_hash, "nodes of client_keys");
    }
    take(settings.monitor_key.key, "monitor_key");
    take(settings.monitor_key.key_hash, "monitor_key");
    take(settings.viewer_key.key, "viewer_key");
    take(settings.viewer_key.key_hash, "viewer_key");
    for (const Room& room : settings.rooms) {
        take(room.key, fmt::format("room \"{}\"", room.name));
        take(room.key_hash, fmt::format("room \"{}\"", room.name));
    }
}

void check_rooms(Settings& settings) {
    std::set<std::string> names;
    for (const Room& room : settings.rooms) {
        if (!names.insert(room.name).second) throw Invalid("room \"{}\" is there twice", room.name);
        for (const std::string& member : room.members)
            if (std::none_of(settings.client_keys.begin(), settings.client_keys.end(),
                             [&](const NamedKey& key) { return key.name == member; }))
                throw Invalid("room \"{}\": member \"{}\" is not in client_keys", room.name, member);
    }
}

config::Schema<Settings> make_schema() {
    config::Schema<Settings> s;
    add_identity_keys(s);
    add_network_keys(s);
    add_room_keys(s);
    add_operation_keys(s);
    add_limit_keys(s);
    s.check("tls_crt", check_tls)
        .check("client_keys", check_keys)
        .check("rooms", check_rooms)
        .check("render_template", check_render);
    s.check("ice_servers", check_ice_servers).check("max_connections", gather_limits);
    return s;
}

}  // namespace

net::HostPort Settings::listen_on() const {
    return *net::HostPort::parse(!listen.empty() ? listen : tls() ? "[::]:5000" : "127.0.0.1:5000");
}

std::optional<net::HostPort> Settings::stun_on() const {
    constexpr std::uint16_t stun_port = 3478;  // RFC 8489, section 13
    if (stun == "off") return std::nullopt;
    if (!stun.empty()) return net::HostPort::parse(stun);
    const net::HostPort where{listen_on().host, stun_port};
    const auto address = net::IpAddress::parse(where.host);
    const bool here_only = where.host == "localhost" || (address && address->is_loopback());
    return here_only ? std::nullopt : std::optional(where);
}

const Room* Settings::find_room(const std::string& name) const noexcept {
    const auto found = std::find_if(rooms.begin(), rooms.end(), [&](const Room& room) { return room.name == name; });
    return found == rooms.end() ? nullptr : &*found;
}

const config::Schema<Settings>& schema() {
    static const config::Schema<Settings> table = make_schema();
    return table;
}

Settings load(const std::string& path, config::Problems& warnings) {
    return schema().load(config::Document::load(path), warnings);
}

}  // namespace matriz::settings

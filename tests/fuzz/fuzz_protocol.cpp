// SPDX-License-Identifier: GPL-3.0-or-later
// What a stranger can send over the websocket, to either end. What is understood must survive being written and read
// again, keep to its limits, and be harmless to the session and the mesh that act on it.
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/config/document.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/fingerprint.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/key_request.hpp"
#include "common/protocol/limits.hpp"
#include "common/protocol/routes.hpp"
#include "node/control/session.hpp"
#include "node/mesh/plan.hpp"
#include "node/mesh/wanted.hpp"

namespace {

using namespace matriz;
using namespace matriz::protocol;

void check(bool holds) {
    if (!holds) std::abort();
}

void check_text(const std::string& text, std::size_t most) { check(text.size() <= most && config::is_utf8(text)); }

void check_fingerprint(const std::string& text) { check(text.empty() || clean_fingerprint(text) == text); }

void check_ice_servers(const std::vector<IceServer>& servers) {
    check(servers.size() <= max_ice_servers);
    for (const IceServer& server : servers) {
        check(!server.urls.empty() && server.urls.size() <= max_ice_urls);
        for (const std::string& url : server.urls) check(parse_ice_url(url).value().port != 0);
        check_text(server.username, max_ice_text);
        check_text(server.credential, max_ice_text);
    }
    check(decode_server_message(encode(servers)).ice_servers == servers);
}

void check_clients(const std::vector<ClientInfo>& clients) {
    check(clients.size() <= max_clients);
    for (const ClientInfo& client : clients) {
        check_text(client.name, max_name);
        check_text(client.ip, max_name);
        check(client.version >= 0);
        check_fingerprint(client.fingerprint);
    }
}

/// What `encode` writes; nothing when it refuses, as it may for what is passed on unread.
template <class... Parts>
std::string written(const Parts&... parts) {
    try {
        return encode(parts...);
    } catch (const Malformed&) {
        return "";
    }
}

void as_server(std::string_view text) {
    const ClientMessage message = decode_client_message(text);
    const ClientList list{.message = "", .name = "porto", .clients = {{"porto", "10.0.0.1", 8554, true, 0}}};
    if (const auto* hello = std::get_if<Register>(&message)) {
        check_text(hello->name, max_name);
        check_text(hello->key, max_key);
        check_fingerprint(hello->fingerprint);
        check(std::get<Register>(decode_client_message(encode(*hello))) == *hello);
    } else if (const auto* report = std::get_if<Report>(&message)) {
        check(report->links.size() <= max_clients);
        decode_client_message(encode(*report));
    } else if (const auto* signal = std::get_if<Signal>(&message)) {
        if (const std::string out = written(*signal, Towards::node); !out.empty() && out.size() <= max_message)
            check(decode_server_message(out).signal->peer == signal->peer);
    } else if (const auto* routes = std::get_if<SetRoutes>(&message)) {
        if (const std::string out = encode_routes_body(routes->hears); out.size() <= max_message)
            check(decode_routes_body(out) == routes->hears);
    } else if (const auto* broadcast = std::get_if<Broadcast>(&message)) {
        // Whatever a node sends, the others must be able to read what the server makes of it.
        const std::string out = written(*broadcast, list);
        check(out.size() <= max_message && config::is_utf8(out));
        if (!out.empty()) check(decode_server_message(out).list.value().clients == list.clients);
    }
}

void as_node(std::string_view text) {
    const ServerMessage message = decode_server_message(text);
    check_text(message.message, max_text);
    if (message.ice_servers) check_ice_servers(*message.ice_servers);
    if (!message.list) return;
    check_clients(message.list->clients);
    check_clients(message.list->listeners);
    if (const std::string again = encode(*message.list); again.size() <= max_message)
        check(decode_server_message(again).list->clients == message.list->clients);
    const mesh::Wanted wanted =
        mesh::wanted({.clients = message.list->clients, .listeners = message.list->listeners, .own_name = "porto"},
                     {.webrtc = true});
    for (const mesh::Peer& peer : wanted.peers) {
        check_text(peer.name, max_name);
        check(!peer.name.empty() && peer.name != "porto" && peer.port != 0);
        check(mesh::clean_address(peer.address) == peer.address);
    }
    check(mesh::plan(wanted.peers, {}).size() == wanted.peers.size());
}

/// The bodies of PUT /rooms/R/routes and POST /keys.
void as_http_api(std::string_view text) {
    try {
        const Routes routes = decode_routes_body(text);
        check(decode_routes_body(encode_routes_body(routes)) == routes);
    } catch (const Malformed& error) {
        check(config::is_utf8(error.what()));
    }
    try {
        const KeyRequest key = decode_key_request(text);
        check_text(key.name, max_name);
        if (!key.rooms) return;
        check(key.rooms->size() <= max_rooms_of_key);
        for (const std::string& room : *key.rooms) {
            check(!room.empty());
            check_text(room, max_name);
        }
        check(decode_rooms(encode_rooms(*key.rooms)) == *key.rooms);
    } catch (const Malformed& error) {
        check(config::is_utf8(error.what()));
    }
}

/// A node's session gets the message after it registered, again after a reconnect, and lives through the time after.
void through_a_session(std::string_view text) {
    control::Session::Time now{};
    control::Session session({.name = "porto", .key = "k", .port = 8554, .version = 1}, {}, 1);
    session.start(now);
    for (int round = 0; round < 2; ++round) {
        session.opened(now);
        session.received(now, text);
        session.received(now, text);
        session.closed(now, {.code = 0, .text = "gone", .opened = true});
        check(session.state() == control::Session::State::waiting);
        now = session.deadline().value();
        session.tick(now);
        check(session.state() == control::Session::State::connecting);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // The reason goes back to the sender, in a text frame.
    try {
        as_server(text);
    } catch (const Malformed& error) {
        check(config::is_utf8(error.what()));
    }
    try {
        as_node(text);
    } catch (const Malformed& error) {
        check(config::is_utf8(error.what()));
    }
    as_http_api(text);
    through_a_session(text);
    return 0;
}

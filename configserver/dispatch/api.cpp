// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/api.hpp"

#include <algorithm>
#include <utility>

#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::dispatch {
namespace {

using auth::Role;
using http::Response;

Response json(int status, std::string body) { return {status, std::move(body) + "\n", "application/json", {}}; }

Response problem(int status, std::string_view code, std::string_view text) {
    return json(status, protocol::encode_refusal(code, text));
}

Response not_found() { return problem(404, "path", "there is nothing here"); }

Response unauthorized(const std::vector<auth::Identity>& who) {
    if (!who.empty()) return problem(403, "key", "this key may not do that");
    Response response = problem(401, "key", "send the key as \"Authorization: Bearer KEY\"");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

Response wrong_method(const char* allowed) {
    Response response = problem(405, "method", fmt::format("accepted: {}", allowed));
    response.headers.emplace_back("Allow", allowed);
    return response;
}

bool reads(const http::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

bool has(const std::vector<auth::Identity>& who, Role role) {
    return std::any_of(who.begin(), who.end(), [&](const auto& identity) { return identity.role == role; });
}

/// The key in "Authorization: Bearer KEY"; empty when there is none.
std::string bearer(const http::Request& request) {
    const std::string_view value = request.header("authorization").value_or("");
    constexpr std::string_view scheme = "Bearer ";
    if (value.size() <= scheme.size() || value.size() > scheme.size() + protocol::max_key) return {};
    if (g_ascii_strncasecmp(value.data(), scheme.data(), scheme.size()) != 0) return {};
    return std::string(value.substr(scheme.size()));
}

/// R for "/rooms/R/what"; empty when the path is another.
std::string between(const std::string& path, std::string_view before, std::string_view after) {
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) return {};
    const std::string name = path.substr(before.size(), path.size() - before.size() - after.size());
    return name.size() <= protocol::max_name ? name : std::string();
}

}  // namespace

void Api::answer(const http::Request& request, std::string_view body, const http::Connection& connection, Reply reply) {
    if (request.path == "/healthz") return reply(json(200, R"({"status":"ok"})"));
    const bool local = connection.local();
    const std::string key = bearer(request);
    if (key.empty()) return reply(dispatch(request, std::string(body), {}, local));
    const net::IpAddress address = connection.address();
    if (!parts_.attempts.may_try(address, auth::Attempts::Clock::now()))
        return reply(problem(429, "busy", "too many wrong keys from this address; wait a minute"));
    parts_.authenticator.identify(
        {.key = key, .name = {}, .room = {}, .from = address, .asker = connection.presence()},
        [this, request, body = std::string(body), local, address, reply = std::move(reply)](
            auth::Authenticator::Outcome outcome, const Who& who) {
            if (outcome == auth::Authenticator::Outcome::busy)
                return reply(problem(503, "busy", "the server is busy checking keys; try again soon"));
            if (who.empty()) {
                parts_.attempts.failed(address, auth::Attempts::Clock::now());
                log_.warning("{} asked for {} with a key that is not known", address.to_string(), request.path);
                return reply(problem(401, "key", "this key is not known to the server"));
            }
            reply(dispatch(request, body, who, local));
        });
}

Response Api::dispatch(const http::Request& request, const std::string& body, const Who& who, bool local) {
    const std::string& path = request.path;
    try {
        if (path == "/metrics") return metrics(who, local);
        if (path == "/rooms") return list_rooms(request, body, who, "");
        if (path == "/keys") return make_key(request, body, who, "");
        if (auto room = between(path, "/rooms/", "/status"); !room.empty())
            return room_status(request, body, who, room);
        if (auto room = between(path, "/rooms/", "/routes"); !room.empty()) return routes(request, body, who, room);
        if (auto name = between(path, "/keys/", ""); !name.empty()) return one_key(request, body, who, name);
        return not_found();
    } catch (const protocol::Malformed& error) {
        return problem(400, "message", error.what());
    } catch (const Error& error) {
        log_.error("{} {}: {}", request.method, path, error.what());
        return problem(507, "store", error.what());
    }
}

Response Api::metrics(const Who& who, bool local) const {
    if (!local && !policy_.public_metrics && !has(who, Role::monitor)) return unauthorized(who);
    return {200, parts_.metrics.text(), "text/plain; version=0.0.4", {}};
}

Response Api::list_rooms(const http::Request& request, const std::string&, const Who& who, const std::string&) {
    if (!reads(request)) return wrong_method("GET");
    Json::Value list(Json::arrayValue);
    for (const std::string& name : parts_.rooms.names()) {
        const settings::Room room = parts_.rooms.describe(name);
        if (!room.open && !has(who, Role::monitor)) continue;
        Json::Value entry(Json::objectValue);
        entry["name"] = name;
        entry["nodes"] = static_cast<Json::UInt64>(parts_.registry.count(name));
        entry["limit"] = room.limit;
        entry["public"] = room.open;
        entry["key"] = room.has_key();
        list.append(std::move(entry));
    }
    Json::Value answer(Json::objectValue);
    answer["rooms"] = std::move(list);
    return json(200, protocol::write(answer));
}

Response Api::room_status(const http::Request& request, const std::string&, const Who& who, const std::string& room) {
    if (!reads(request)) return wrong_method("GET");
    const bool shown = policy_.public_status && parts_.rooms.shown(room);
    const bool guest = std::find(who.begin(), who.end(), auth::Identity{Role::guest, room}) != who.end();
    const bool proved = guest || has(who, Role::monitor) || has(who, Role::viewer);
    if (!shown && !proved) return unauthorized(who);
    if (!parts_.rooms.exists(room)) return not_found();
    if (!proved) return json(200, parts_.pusher.recent_status(room));
    return json(200, encode(parts_.pusher.status(room)));
}

Response Api::routes(const http::Request& request, const std::string& body, const Who& who, const std::string& room) {
    if (!has(who, Role::monitor)) return unauthorized(who);
    if (!parts_.rooms.exists(room)) return not_found();
    if (request.method == "PUT")
        parts_.router.set(room, protocol::decode_routes_body(body), "the HTTP API");
    else if (request.method == "DELETE")
        parts_.router.set(room, {}, "the HTTP API");
    else if (!reads(request))
        return wrong_method("GET, PUT, DELETE");
    const protocol::Routes* now = parts_.rooms.routes(room);
    return json(200, protocol::encode_routes_body(now != nullptr ? *now : protocol::Routes{}));
}

Response Api::make_key(const http::Request& request, const std::string& body, const Who& who, const std::string&) {
    if (!has(who, Role::monitor)) return unauthorized(who);
    if (request.method != "POST") return wrong_method("POST");
    const std::string name = protocol::text_or(protocol::parse_object(body), "name", protocol::max_name, "");
    if (name.empty()) return problem(400, "name", "\"name\" is missing");
    Json::Value answer(Json::objectValue);
    answer["name"] = name;
    answer["key"] = parts_.keymaker.make(name);
    if (on_keys_changed) on_keys_changed();
    return json(201, protocol::write(answer));
}

Response Api::one_key(const http::Request& request, const std::string&, const Who& who, const std::string& name) {
    if (!has(who, Role::monitor)) return unauthorized(who);
    if (request.method != "DELETE") return wrong_method("DELETE");
    if (!parts_.keymaker.remove(name)) return problem(404, "name", "no key was made for this name while running");
    if (on_keys_changed) on_keys_changed();
    return {204, "", "", {}};
}

}  // namespace matriz::dispatch

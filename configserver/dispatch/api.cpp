// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/api.hpp"

#include <algorithm>
#include <utility>

#include "common/protocol/json.hpp"
#include "common/protocol/key_request.hpp"
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

Response busy(int status, std::string_view text, int seconds) {
    Response response = problem(status, "busy", text);
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
    return response;
}

Response too_many_waiting() { return busy(503, "too many changes wait for the disk; try again soon", 1); }

bool reads(const http::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

bool has(const std::vector<auth::Identity>& who, Role role) {
    return std::any_of(who.begin(), who.end(), [&](const auto& identity) { return identity.role == role; });
}

Json::Value to_json(const std::set<std::string>& names) {
    Json::Value list(Json::arrayValue);
    for (const std::string& name : names) list.append(name);
    return list;
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
    Call call{request, std::string(body), connection.address(), connection.local(), {}};
    const std::string key = bearer(request);
    if (key.empty()) return dispatch(call, reply);
    if (!parts_.attempts.may_try(call.address, auth::Attempts::Clock::now()))
        return reply(busy(429, "too many wrong keys from this address; wait a minute", 60));
    parts_.authenticator.identify(
        {.key = key, .name = {}, .room = {}, .from = call.address, .asker = connection.presence()},
        [this, call = std::move(call), reply = std::move(reply)](auth::Authenticator::Outcome outcome, Who who) {
            if (outcome == auth::Authenticator::Outcome::busy)
                return reply(busy(503, "the server is busy checking keys; try again soon", 1));
            if (who.empty()) {
                parts_.attempts.failed(call.address, auth::Attempts::Clock::now());
                log_.warning("{} asked for {} with a key that is not known", call.address.to_string(),
                             call.request.path);
                return reply(problem(401, "key", "this key is not known to the server"));
            }
            Call known = call;
            known.who = std::move(who);
            dispatch(known, reply);
        });
}

void Api::dispatch(const Call& call, const Reply& reply) {
    const std::string& path = call.request.path;
    const std::string& method = call.request.method;
    try {
        if (path == "/keys" && method == "POST") return make_key(call, reply);
        const auto room = between(path, "/rooms/", "/routes");
        if (!room.empty() && (method == "PUT" || method == "DELETE")) return set_routes(call, room, reply);
        const auto name = between(path, "/keys/", "");
        if (!name.empty() && method == "DELETE") return remove_key(call, name, reply);
    } catch (const protocol::Malformed& error) {
        return reply(problem(400, "message", error.what()));
    }
    reply(read(call));
}

Response Api::read(const Call& call) const {
    const std::string& path = call.request.path;
    const bool monitor = has(call.who, Role::monitor);
    if (path == "/metrics") return metrics(call);
    if (path == "/rooms") return reads(call.request) ? list_rooms(call) : wrong_method("GET");
    if (path == "/keys") {
        if (!monitor) return unauthorized(call.who);
        return reads(call.request) ? list_keys() : wrong_method("GET, POST");
    }
    if (auto room = between(path, "/rooms/", "/status"); !room.empty())
        return reads(call.request) ? room_status(call, room) : wrong_method("GET");
    if (auto room = between(path, "/rooms/", "/routes"); !room.empty()) {
        if (!monitor) return unauthorized(call.who);
        if (!parts_.rooms.exists(room)) return not_found();
        return reads(call.request) ? routes(room) : wrong_method("GET, PUT, DELETE");
    }
    if (!between(path, "/keys/", "").empty()) return monitor ? wrong_method("DELETE") : unauthorized(call.who);
    return not_found();
}

Response Api::metrics(const Call& call) const {
    if (!call.local && !policy_.public_metrics && !has(call.who, Role::monitor)) return unauthorized(call.who);
    return {200, parts_.metrics.text(), "text/plain; version=0.0.4", {}};
}

Response Api::list_rooms(const Call& call) const {
    Json::Value list(Json::arrayValue);
    for (const std::string& name : parts_.rooms.names()) {
        const settings::Room room = parts_.rooms.describe(name);
        if (!room.open && !has(call.who, Role::monitor)) continue;
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

Response Api::list_keys() const {
    Json::Value list(Json::arrayValue);
    for (const auto& [name, key] : parts_.keymaker.keys()) {
        Json::Value entry(Json::objectValue);
        entry["name"] = name;
        entry["rooms"] = to_json(key.rooms);
        list.append(std::move(entry));
    }
    Json::Value answer(Json::objectValue);
    answer["keys"] = std::move(list);
    return json(200, protocol::write(answer));
}

Response Api::room_status(const Call& call, const std::string& room) const {
    const Who& who = call.who;
    const bool shown = policy_.public_status && parts_.rooms.shown(room);
    const bool guest = std::find(who.begin(), who.end(), auth::Identity{Role::guest, room}) != who.end();
    const bool proved = guest || has(who, Role::monitor) || has(who, Role::viewer);
    if (!shown && !proved) return unauthorized(who);
    if (!parts_.rooms.exists(room)) return not_found();
    if (!proved) return json(200, parts_.pusher.recent_status(room));
    return json(200, encode(parts_.pusher.status(room)));
}

Response Api::routes(const std::string& room) const {
    const protocol::Routes* now = parts_.rooms.routes(room);
    return json(200, protocol::encode_routes_body(now != nullptr ? *now : protocol::Routes{}));
}

std::optional<Response> Api::refuse_change(const Call& call) {
    if (!has(call.who, Role::monitor)) return unauthorized(call.who);
    const auto now = net::AddressBuckets::Clock::now();
    // At least one a second is earned.
    if (parts_.changes.left(call.address, now) < 1)
        return busy(429, "too many changes from this address; wait a moment", 1);
    parts_.changes.spend(call.address, now);
    return std::nullopt;
}

Response Api::not_stored(const Call& call, const std::string& trouble) const {
    log_.error("{} {}: {}", call.request.method, call.request.path, trouble);
    return problem(507, "store", trouble);
}

void Api::set_routes(const Call& call, const std::string& room, const Reply& reply) {
    if (const auto refusal = refuse_change(call)) return reply(*refusal);
    if (!parts_.rooms.exists(room)) return reply(not_found());
    auto routes = call.request.method == "PUT" ? protocol::decode_routes_body(call.body) : protocol::Routes{};
    std::string answer = protocol::encode_routes_body(routes);
    const auto done = [this, call, reply, answer = std::move(answer)](const auto& trouble) {
        reply(trouble ? not_stored(call, *trouble) : json(200, answer));
    };
    if (!parts_.router.set(room, std::move(routes), "the HTTP API", done)) reply(too_many_waiting());
}

void Api::make_key(const Call& call, const Reply& reply) {
    if (const auto refusal = refuse_change(call)) return reply(*refusal);
    auto asked = protocol::decode_key_request(call.body);
    if (asked.name.empty()) return reply(problem(400, "name", "\"name\" is missing"));
    for (const std::string& room : asked.rooms.value_or(std::set<std::string>{}))
        if (!parts_.rooms.exists(room))
            return reply(problem(400, "room", fmt::format("there is no room \"{}\" in the config", room)));
    const auto done = [this, call, reply, name = asked.name](const auto& trouble, const Keymaker::Made& made) {
        if (trouble) return reply(not_stored(call, *trouble));
        Json::Value answer(Json::objectValue);
        answer["name"] = name;
        answer["key"] = made.key;
        answer["rooms"] = to_json(made.rooms);
        reply(json(201, protocol::write(answer)));
        if (on_keys_changed) on_keys_changed();
    };
    if (!parts_.keymaker.make(asked.name, std::move(asked.rooms), done)) reply(too_many_waiting());
}

void Api::remove_key(const Call& call, const std::string& name, const Reply& reply) {
    if (const auto refusal = refuse_change(call)) return reply(*refusal);
    const auto done = [this, call, reply](const auto& trouble, bool found) {
        if (trouble) return reply(not_stored(call, *trouble));
        if (!found) return reply(problem(404, "name", "no key was made for this name while running"));
        reply({204, "", "", {}});
        if (on_keys_changed) on_keys_changed();
    };
    if (!parts_.keymaker.remove(name, done)) reply(too_many_waiting());
}

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/codec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/config/document.hpp"
#include "common/protocol/fingerprint.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"
#include "common/protocol/report_reader.hpp"
#include "common/protocol/version.hpp"

namespace matriz::protocol {
namespace {

constexpr int max_version = 1'000'000;

/// The members in which Register and ClientInfo are the same.
template <class Message>
void add_identity(Json::Value& json, const Message& message) {
    if (!message.fingerprint.empty()) json["fingerprint"] = message.fingerprint;
    if (message.rtsp_tls) json["rtsp"] = "tls";
    if (message.rtsp_only) json["transport"] = "rtsp";
}

Json::Value to_json(const ClientInfo& client) {
    Json::Value json(Json::objectValue);
    json["ip"] = client.ip;
    json["stream"] = client.stream;
    json["name"] = client.name;
    json["port"] = client.port;
    if (client.version > 0) json["matriz"] = client.version;
    add_identity(json, client);
    return json;
}

Json::Value to_json(const std::vector<ClientInfo>& clients) {
    Json::Value list(Json::arrayValue);
    for (const ClientInfo& client : clients) list.append(to_json(client));
    return list;
}

std::uint16_t port_of(const Json::Value& object) {
    return static_cast<std::uint16_t>(integer_or(object, "port", 0, std::numeric_limits<std::uint16_t>::max(), 0));
}

int version_of(const Json::Value& object) { return static_cast<int>(integer_or(object, "matriz", 0, max_version, 0)); }

/// Of an entry of a list: one that is wrong must not cost the others theirs.
std::string string_or_none(const Json::Value& object, const char* key) {
    const Json::Value& value = object[key];
    return value.isString() ? value.asString() : "";
}

/// Of a register: who sends a wrong one is told.
std::string fingerprint_of(const Json::Value& object) {
    const std::string text = text_or(object, "fingerprint", max_text, "");
    if (text.empty()) return "";
    auto clean = clean_fingerprint(text);
    if (!clean) throw Malformed("\"fingerprint\" is not 32 pairs of hexadecimal digits");
    return std::move(*clean);
}

Register register_of(const Json::Value& object) {
    return {.name = text_or(object, "name", max_name, ""),
            .key = text_or(object, "key", max_key, ""),
            .port = port_of(object),
            .version = version_of(object),
            .room = text_or(object, "room", max_name, ""),
            .status = flag_or(object, "status", false),
            .fingerprint = fingerprint_of(object),
            .rtsp_tls = text_or(object, "rtsp", max_name, "") == "tls",
            .rtsp_only = text_or(object, "transport", max_name, "") == "rtsp"};
}

std::vector<ClientInfo> clients_of(const Json::Value& list, const char* key = "clients") {
    if (!list.isArray()) throw Malformed("\"{}\" is not a list", key);
    if (list.size() > max_clients) throw Malformed("\"{}\" has more than {} entries", key, max_clients);
    std::vector<ClientInfo> clients;
    clients.reserve(list.size());
    for (const Json::Value& item : list) {
        if (!item.isObject()) throw Malformed("an entry of \"{}\" is not an object", key);
        clients.push_back({.name = text_or(item, "name", max_name, ""),
                           .ip = text_or(item, "ip", max_name, ""),
                           .port = port_of(item),
                           .stream = flag_or(item, "stream", false),
                           .version = version_of(item),
                           .fingerprint = clean_fingerprint(string_or_none(item, "fingerprint")).value_or(""),
                           .rtsp_tls = string_or_none(item, "rtsp") == "tls",
                           .rtsp_only = string_or_none(item, "transport") == "rtsp"});
    }
    return clients;
}

void add_list(Json::Value& json, const ClientList& list) {
    json["clients"] = to_json(list.clients);
    if (!list.listeners.empty()) json["listeners"] = to_json(list.listeners);
    if (list.epoch.empty()) return;
    json["room"] = list.room;
    json["epoch"] = list.epoch;
    json["version"] = static_cast<Json::UInt64>(list.version);
}

ClientList list_of(const Json::Value& object, const std::string& message) {
    ClientList list{.message = message,
                    .name = text_or(object, "name", max_name, ""),
                    .clients = clients_of(object["clients"]),
                    .listeners = {},
                    .room = text_or(object, "room", max_name, ""),
                    .epoch = text_or(object, "epoch", max_name, "")};
    if (object.isMember("listeners")) list.listeners = clients_of(object["listeners"], "listeners");
    list.version =
        static_cast<std::uint64_t>(integer_or(object, "version", 0, std::numeric_limits<std::int64_t>::max(), 0));
    return list;
}

std::optional<double> number_of(const Json::Value& object, const char* key, double least, double most) {
    const Json::Value& value = object[key];
    if (value.isNull()) return std::nullopt;
    if (!value.isNumeric() || !std::isfinite(value.asDouble())) throw Malformed("\"{}\" is not a number", key);
    return std::clamp(value.asDouble(), least, most);
}

Report report_of(const Json::Value& list) {
    if (!list.isArray()) throw Malformed("\"report\" is not a list");
    if (list.size() > max_clients) throw Malformed("\"report\" has more than {} entries", max_clients);
    Report report;
    report.links.reserve(list.size());
    for (const Json::Value& item : list) {
        if (!item.isObject()) throw Malformed("an entry of \"report\" is not an object");
        report.links.push_back({.peer = text_or(item, "peer", max_name, ""),
                                .delay_ms = number_of(item, "delay_ms", 0, 60'000),
                                .loss = number_of(item, "loss", 0, 1),
                                .jitter_ms = number_of(item, "jitter_ms", 0, 60'000),
                                .level_db = number_of(item, "level_db", -200, 200),
                                .one_way_ms = number_of(item, "one_way_ms", 0, 60'000)});
    }
    return report;
}

Signal signal_of(Json::Value& object, const char* peer_key) {
    return {text_or(object, peer_key, max_name, ""), std::move(object["signal"])};
}

void add_figures(Json::Value& item, const LinkReport& link) {
    if (link.delay_ms) item["delay_ms"] = *link.delay_ms;
    if (link.loss) item["loss"] = *link.loss;
    if (link.jitter_ms) item["jitter_ms"] = *link.jitter_ms;
    if (link.level_db) item["level_db"] = *link.level_db;
    if (link.one_way_ms) item["one_way_ms"] = *link.one_way_ms;
}

Json::Value status_to_json(const RoomStatus& status) {
    Json::Value links(Json::arrayValue);
    for (const LinkStatus& link : status.links) {
        Json::Value item(Json::objectValue);
        item["listener"] = link.listener;
        item["source"] = link.report.peer;
        item["age_ms"] = static_cast<Json::Int64>(link.age_ms);
        add_figures(item, link.report);
        links.append(std::move(item));
    }
    Json::Value json(Json::objectValue);
    json["room"] = status.room;
    json["epoch"] = status.epoch;
    json["version"] = static_cast<Json::UInt64>(status.version);
    json["clients"] = to_json(status.clients);
    json["links"] = std::move(links);
    return json;
}

/// jsoncpp lets half a surrogate pair ("\\udc00") through, and writes what no receiver may accept.
std::string write_passed_on(const Json::Value& json) {
    std::string text = write(json);
    if (!config::is_utf8(text)) throw Malformed("half a surrogate pair in a string");
    return text;
}

}  // namespace

ClientMessage decode_client_message(std::string_view text) {
    if (auto report = read_plain_report(text)) return std::move(*report);
    Json::Value object = parse_object(text);
    if (object.isMember("register")) return register_of(object);
    if (object.isMember("deregister")) return Deregister{};
    if (object.isMember("refresh") && object["refresh"].isBool() && object["refresh"].asBool()) return Refresh{};
    if (object.isMember("signal")) return signal_of(object, "to");
    if (object.isMember("report")) return report_of(object["report"]);
    if (object.isMember("set_routes")) {
        Json::Value& body = object["set_routes"];
        if (!body.isObject()) throw Malformed("\"set_routes\" is not an object");
        return SetRoutes{text_or(body, "room", max_name, ""), decode_routes(body["hears"])};
    }
    return Broadcast{std::move(object)};
}

ServerMessage decode_server_message(std::string_view text) {
    Json::Value object = parse_object(text);
    ServerMessage decoded;
    decoded.message = text_or(object, "message", max_text, "");
    decoded.refresh = object["refresh"].isBool() && object["refresh"].asBool();
    if (object.isMember("clients")) decoded.list = list_of(object, decoded.message);
    if (object.isMember("ice_servers")) decoded.ice_servers = decode_ice_servers(object["ice_servers"]);
    // Only the reply to a register carries the address at which the server sees this node.
    if (object.isMember("ip") && object.isMember("clients"))
        decoded.registered =
            Registered{.name = text_or(object, "name", max_name, ""),
                       .ip = text_or(object, "ip", max_name, ""),
                       .port = port_of(object),
                       .stream = flag_or(object, "stream", false),
                       .message = decoded.message,
                       .version = version_of(object),
                       .ice_servers = decoded.ice_servers.value_or(std::vector<IceServer>{}),
                       .stun_port = static_cast<std::uint16_t>(integer_or(object, "stun_port", 0, 65535, 0))};
    if (decoded.registered && decoded.registered->version > 0) decoded.ice_servers = decoded.registered->ice_servers;
    decoded.error = text_or(object, "error", max_name, "");
    if (object.isMember("signal")) decoded.signal = signal_of(object, "from");
    return decoded;
}

std::string encode(const Register& message) {
    Json::Value json(Json::objectValue);
    json["register"] = "";
    json["name"] = message.name;
    json["key"] = message.key;
    json["port"] = message.port;
    if (message.version > 0) json["matriz"] = message.version;
    if (!message.room.empty()) json["room"] = message.room;
    if (message.status) json["status"] = true;
    add_identity(json, message);
    return write(json);
}

std::string encode(const Deregister&) { return R"({"deregister":""})"; }

std::string encode(const Refresh&) { return R"({"refresh":true})"; }

std::string encode(const Registered& reply, const ClientList& list) {
    Json::Value json(Json::objectValue);
    json["name"] = reply.name;
    json["ip"] = reply.ip;
    json["port"] = reply.port;
    json["stream"] = reply.stream;
    json["message"] = reply.message;
    add_list(json, list);
    json["n_clients"] = static_cast<Json::UInt64>(list.clients.size());
    if (reply.version > 0) json["matriz"] = reply.version;
    if (reply.stun_port != 0) json["stun_port"] = reply.stun_port;
    if (!reply.ice_servers.empty()) json["ice_servers"] = to_json(reply.ice_servers);
    return write(json);
}

std::string encode(const ClientList& message) {
    Json::Value json(Json::objectValue);
    json["message"] = message.message;
    json["name"] = message.name;
    add_list(json, message);
    return write(json);
}

Relay::Relay(Broadcast message) {
    Json::Value json = std::move(message.object);
    // What only the server may say, a sender cannot make others believe.
    for (const char* reserved : {"name", "clients", "ip", "listeners", "room", "epoch", "version", "error", "matriz",
                                 "from", "status", "ice_servers", "stun_port"})
        json.removeMember(reserved);
    body_ = write_passed_on(json);
    body_.pop_back();
}

std::string Relay::with(const ClientList& list) const {
    // A list that is cut in two is longer than the whole one by the name of its second half.
    constexpr std::string_view second_half = R"("listeners":[],)";
    Json::Value json(Json::objectValue);
    json["name"] = list.name;
    add_list(json, list);
    std::string text = write(json);
    if (body_.size() > 1) text.replace(0, 1, body_ + ",");
    const std::size_t size = text.size() + (list.listeners.empty() ? second_half.size() : 0);
    if (size > max_message)
        throw Malformed("passed on, with the list, it would have {} bytes, more than the limit of {}", size,
                        max_message);
    return text;
}

std::string encode(const Broadcast& message, const ClientList& list) { return Relay(message).with(list); }

std::string encode(const Signal& message, Towards towards) {
    Json::Value json(Json::objectValue);
    json["signal"] = message.body;
    json[towards == Towards::server ? "to" : "from"] = message.peer;
    return write_passed_on(json);
}

std::string encode(const Report& message) {
    Json::Value list(Json::arrayValue);
    for (const LinkReport& link : message.links) {
        Json::Value item(Json::objectValue);
        item["peer"] = link.peer;
        add_figures(item, link);
        list.append(std::move(item));
    }
    Json::Value json(Json::objectValue);
    json["report"] = std::move(list);
    return write(json);
}

std::string encode(const std::vector<IceServer>& servers) {
    Json::Value json(Json::objectValue);
    json["ice_servers"] = to_json(servers);
    return write(json);
}

std::string encode_refusal(std::string_view code, std::string_view message) {
    Json::Value json(Json::objectValue);
    json["message"] = std::string(message);
    json["error"] = std::string(code);
    return write(json);
}

std::string encode(const MonitorWelcome& message) {
    Json::Value json(Json::objectValue);
    json["status"] = "ok";
    json["message"] = message.message;
    json["clients"] = to_json(message.clients);
    json["room"] = message.room;
    return write(json);
}

std::string encode(const MonitorEvent& message) {
    Json::Value json(Json::objectValue);
    json["message"] = message.message;
    json["info"] = fmt::format("Connected clients: {}", message.clients.size());
    json["clients"] = to_json(message.clients);
    if (!message.room.empty()) json["room"] = message.room;
    return write(json);
}

std::string encode(const WebState& message) {
    Json::Value json(Json::objectValue);
    for (const auto& [name, streaming] : message.streaming) json[name] = streaming;
    json["restart"] = message.restart;
    json["refresh"] = message.refresh;
    return write(json);
}

std::string encode(const RoomStatus& status) { return write_rounded(status_to_json(status)); }

std::string encode_pushed(const RoomStatus& status) {
    Json::Value json(Json::objectValue);
    json["status"] = status_to_json(status);
    return write_rounded(json);
}

}  // namespace matriz::protocol

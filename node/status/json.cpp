// SPDX-License-Identifier: GPL-3.0-or-later
#include <json/json.h>

#include <algorithm>
#include <cmath>

#include "node/status/snapshot.hpp"

namespace matriz::status {
namespace {

/// To a thousandth: nobody reads more, and floating point noise makes diffs.
Json::Value number(double value) {
    if (!std::isfinite(value)) return {};
    return std::round(value * 1000) / 1000;
}
template <class Rep, class Period>
Json::Value number(std::chrono::duration<Rep, Period> value) {
    return number(static_cast<double>(value.count()));
}
Json::Value number(std::uint64_t value) { return static_cast<Json::UInt64>(value); }
Json::Value number(std::uint32_t value) { return value; }

template <class T>
Json::Value or_null(const std::optional<T>& value) {
    return value ? number(*value) : Json::Value();
}

Json::Value level(const std::optional<double>& value) {
    if (!value || std::isnan(*value)) return {};
    return number(std::max(*value, silence));
}

Json::Value text_or_null(const std::string& text) { return text.empty() ? Json::Value() : Json::Value(text); }

Json::Value json_of(const Jack& jack) {
    Json::Value json;
    json["state"] = jack.state;
    json["server"] = jack.server;
    json["rate"] = or_null(jack.rate);
    json["period"] = or_null(jack.period);
    json["xruns"] = or_null(jack.xruns);
    return json;
}

Json::Value json_of(const Server& server) {
    if (server.url.empty()) return {};
    Json::Value json;
    json["url"] = server.url;
    json["state"] = server.state;
    json["since_s"] = number(server.since);
    json["last_error"] = text_or_null(server.last_error);
    json["own_address"] = text_or_null(server.own_address);
    json["reachable"] = server.reachable ? Json::Value(*server.reachable) : Json::Value();
    json["stun"] = text_or_null(server.stun);
    return json;
}

Json::Value json_of(const std::optional<Router>& router) {
    if (!router) return {};
    Json::Value json;
    json["state"] = router->state;
    json["address"] = text_or_null(router->address);
    json["text"] = router->text;
    return json;
}

Json::Value json_of(const Emitter& emitter) {
    Json::Value json;
    json["state"] = emitter.state;
    json["ports"] = Json::arrayValue;
    for (const std::string& port : emitter.ports) json["ports"].append(port);
    json["codec"] = emitter.codec;
    json["frame_ms"] = number(emitter.frame);
    json["bitrate"] = emitter.bitrate;
    json["level_dbfs"] = level(emitter.level);
    json["listeners"] = Json::arrayValue;
    for (const Listener& listener : emitter.listeners) {
        Json::Value item;
        item["address"] = listener.address;
        item["transport"] = listener.transport;
        item["since_s"] = number(listener.since);
        json["listeners"].append(item);
    }
    json["recording"] = text_or_null(emitter.recording);
    json["recording_error"] = text_or_null(emitter.recording_error);
    return json;
}

Json::Value json_of(const Peer& peer) {
    Json::Value json;
    json["name"] = peer.name;
    json["address"] = peer.address;
    json["transport"] = text_or_null(peer.transport);
    json["why"] = text_or_null(peer.why);
    json["encrypted"] = peer.encrypted;
    json["path"] = text_or_null(peer.path);
    json["via"] = text_or_null(peer.via);
    json["round_trip_ms"] = or_null(peer.round_trip);
    json["one_way_ms"] = or_null(peer.one_way);
    json["fingerprint"] = text_or_null(peer.fingerprint);
    json["state"] = peer.state;
    json["reason"] = text_or_null(peer.reason);
    json["codec"] = text_or_null(peer.codec);
    json["sending_codec"] = text_or_null(peer.sending_codec);
    json["sending_reason"] = text_or_null(peer.sending_reason);
    json["turn_trouble"] = text_or_null(peer.turn_trouble);
    json["level_dbfs"] = level(peer.level);
    json["target_ms"] = or_null(peer.target);
    json["delay_ms"] = or_null(peer.delay);
    json["jitter_ms"] = or_null(peer.jitter);
    json["received"] = or_null(peer.received);
    json["lost"] = or_null(peer.lost);
    json["late"] = or_null(peer.late);
    json["recovered"] = or_null(peer.recovered);
    json["concealed"] = or_null(peer.concealed);
    json["drift_ppm"] = or_null(peer.drift);
    json["since_s"] = number(peer.since);
    json["first_sound_ms"] = or_null(peer.first_sound);
    return json;
}

}  // namespace

std::string to_json(const Snapshot& snapshot) {
    Json::Value json;
    json["name"] = snapshot.name;
    json["version"] = snapshot.version;
    json["uptime_s"] = number(snapshot.uptime);
    json["jack"] = json_of(snapshot.jack);
    json["server"] = json_of(snapshot.server);
    json["emitter"] = json_of(snapshot.emitter);
    json["router"] = json_of(snapshot.router);
    json["peers"] = Json::arrayValue;
    for (const Peer& peer : snapshot.peers) json["peers"].append(json_of(peer));
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "  ";
    builder["emitUTF8"] = true;
    builder["precision"] = 12;
    return Json::writeString(builder, json) + "\n";
}

}  // namespace matriz::status

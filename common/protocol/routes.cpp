// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/routes.hpp"

#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

std::string checked_name(const Json::Value& value) {
    Json::Value wrapped(Json::objectValue);
    wrapped["name"] = value;
    std::string name = text_or(wrapped, "name", max_name, "");
    if (name.empty()) throw Malformed("a name in the routes is empty");
    return name;
}

}  // namespace

Routes decode_routes(const Json::Value& hears) {
    if (hears.isNull()) return {};
    if (!hears.isObject()) throw Malformed("\"hears\" is neither an object nor null");
    if (hears.size() > max_clients) throw Malformed("\"hears\" names more than {} listeners", max_clients);
    Routes routes;
    for (const std::string& listener : hears.getMemberNames()) {
        const Json::Value& sources = hears[listener];
        if (!sources.isArray()) throw Malformed("an entry of \"hears\" is not a list of names");
        if (sources.size() > max_clients) throw Malformed("a listener hears more than {} names", max_clients);
        auto& heard = routes[checked_name(listener)];
        for (const Json::Value& source : sources) heard.insert(checked_name(source));
    }
    return routes;
}

Routes decode_routes_body(std::string_view text) {
    const Json::Value object = parse_object(text);
    if (!object.isMember("hears")) throw Malformed("\"hears\" is missing");
    return decode_routes(object["hears"]);
}

Json::Value to_json(const Routes& routes) {
    if (routes.empty()) return Json::nullValue;
    Json::Value json(Json::objectValue);
    for (const auto& [listener, sources] : routes) {
        Json::Value list(Json::arrayValue);
        for (const std::string& source : sources) list.append(source);
        json[listener] = std::move(list);
    }
    return json;
}

std::string encode_routes_body(const Routes& routes) {
    Json::Value json(Json::objectValue);
    json["hears"] = to_json(routes);
    return write(json);
}

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

/// Who hears whom in a room, in JSON: {"porto":["lisboa","montemor"],"lisboa":[]}. A listener that is not named hears
/// everyone. Pure functions, any thread.
namespace matriz::protocol {

/// For each listener the sources it hears. Empty: no matrix, everyone hears everyone.
using Routes = std::map<std::string, std::set<std::string>>;

/// From the object, or null for no matrix. Throws Malformed.
Routes decode_routes(const Json::Value& hears);
/// From {"hears":{…}|null}, the body of PUT /rooms/R/routes. Throws Malformed.
Routes decode_routes_body(std::string_view text);
Json::Value to_json(const Routes& routes);
std::string encode_routes_body(const Routes& routes);

}  // namespace matriz::protocol

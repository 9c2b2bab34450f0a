// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/key_request.hpp"

#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

std::optional<std::set<std::string>> rooms_in(const Json::Value& object) {
    const Json::Value& list = object["rooms"];
    if (list.isNull()) return std::nullopt;
    if (!list.isArray()) throw Malformed("\"rooms\" is not a list of names");
    if (list.size() > max_rooms_of_key) throw Malformed("\"rooms\" names more than {} rooms", max_rooms_of_key);
    std::set<std::string> rooms;
    for (const Json::Value& room : list) {
        Json::Value wrapped(Json::objectValue);
        wrapped["rooms"] = room;
        std::string name = text_or(wrapped, "rooms", max_name, "");
        if (name.empty()) throw Malformed("a name in \"rooms\" is empty");
        rooms.insert(std::move(name));
    }
    return rooms;
}

}  // namespace

KeyRequest decode_key_request(std::string_view text) {
    const Json::Value object = parse_object(text);
    return {text_or(object, "name", max_name, ""), rooms_in(object)};
}

std::string encode_rooms(const std::set<std::string>& rooms) {
    Json::Value json(Json::objectValue);
    Json::Value& list = json["rooms"] = Json::Value(Json::arrayValue);
    for (const std::string& room : rooms) list.append(room);
    return write(json);
}

std::set<std::string> decode_rooms(std::string_view text) {
    if (text.empty()) return {};
    return rooms_in(parse_object(text)).value_or(std::set<std::string>{});
}

}  // namespace matriz::protocol

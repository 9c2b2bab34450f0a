// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/rooms/rooms.hpp"

#include <algorithm>
#include <utility>

namespace matriz::rooms {

void Rooms::configure(std::vector<settings::Room> rooms, std::string default_room) {
    rooms_.clear();
    for (settings::Room& room : rooms) {
        std::string name = room.name;
        rooms_.emplace(std::move(name), std::move(room));
    }
    default_room_ = std::move(default_room);
}

settings::Room Rooms::describe(const std::string& room) const {
    if (const auto found = rooms_.find(room); found != rooms_.end()) return found->second;
    settings::Room plain;
    plain.name = room;
    return plain;
}

std::vector<std::string> Rooms::names() const {
    std::set<std::string> names{default_room_};
    for (const auto& [name, room] : rooms_) names.insert(name);
    return {names.begin(), names.end()};
}

Rooms::Admission Rooms::place(const auth::Identity& identity, const std::string& wanted) const {
    if (identity.role == auth::Role::guest) {
        if (!wanted.empty() && wanted != identity.name)
            return {"", "room", fmt::format("this key opens room \"{}\", not \"{}\"", identity.name, wanted)};
        return {identity.name, "", ""};
    }
    const std::string& room = wanted.empty() ? default_room_ : wanted;
    // A room that does not exist and one that is closed to this node are told apart by nobody outside.
    const std::string refusal = fmt::format("there is no room \"{}\" for this key", room);
    if (!exists(room)) return {"", "room", refusal};
    const settings::Room description = describe(room);
    const auto& members = description.members;
    const auto own = rooms_of_.find(identity.name);
    const bool listed = std::find(members.begin(), members.end(), identity.name) != members.end() ||
                        (own != rooms_of_.end() && own->second.contains(room));
    if (!listed && (!members.empty() || description.has_key())) return {"", "room", refusal};
    return {room, "", ""};
}

void Rooms::set_rooms_of(const std::string& name, std::set<std::string> rooms) {
    if (rooms.empty())
        rooms_of_.erase(name);
    else
        rooms_of_[name] = std::move(rooms);
}

void Rooms::set_routes(const std::string& room, Routes routes) {
    if (routes.empty())
        routes_.erase(room);
    else
        routes_[room] = std::move(routes);
}

const Routes* Rooms::routes(const std::string& room) const {
    const auto found = routes_.find(room);
    return found == routes_.end() ? nullptr : &found->second;
}

bool Rooms::audible(const std::string& room, const std::string& listener, const std::string& source) const {
    const Routes* table = routes(room);
    if (table == nullptr || listener == source) return true;
    const auto row = table->find(listener);
    return row == table->end() || row->second.contains(source);
}

}  // namespace matriz::rooms

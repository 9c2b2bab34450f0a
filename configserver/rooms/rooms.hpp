// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/routes.hpp"
#include "configserver/auth/keyring.hpp"
#include "configserver/settings/settings.hpp"

namespace matriz::rooms {

using protocol::Routes;

/// Which rooms there are, who may enter, and who hears whom there. Pure; one thread.
class Rooms {
  public:
    struct Admission {
        std::string room;     ///< empty: refused
        std::string code;     ///< "room", "full", "name": why, for programs
        std::string refusal;  ///< why, for people
    };

    void configure(std::vector<settings::Room> rooms, std::string default_room);
    /// Where a node or a guest called `name` may go that asked for `wanted` (empty: it did not ask). `present` counts
    /// the nodes in a room.
    template <class Present>
    Admission admit(const auth::Identity& identity, const std::string& wanted, const Present& present) const {
        Admission admission = place(identity, wanted);
        if (admission.room.empty()) return admission;
        const int limit = describe(admission.room).limit;
        if (present(admission.room) >= static_cast<std::size_t>(limit))
            return {"", "full", fmt::format("room \"{}\" is full: it takes {} nodes", admission.room, limit)};
        return admission;
    }
    /// The same without regard to how many are there: where it may be.
    Admission place(const auth::Identity& identity, const std::string& wanted) const;
    bool exists(const std::string& room) const { return room == default_room_ || rooms_.contains(room); }
    /// May those without a key look at it, where they may look at any?
    bool shown(const std::string& room) const { return room == default_room_ || describe(room).open; }
    const std::string& default_room() const noexcept { return default_room_; }
    /// Its settings; those of a plain room for the default one when the config does not describe it.
    settings::Room describe(const std::string& room) const;
    std::vector<std::string> names() const;

    /// Rooms whose member `name` is beside those that list it; outlives configure(). Those that are not configured
    /// count for nothing until they are.
    void set_rooms_of(const std::string& name, std::set<std::string> rooms);
    /// An empty table removes the matrix.
    void set_routes(const std::string& room, Routes routes);
    const Routes* routes(const std::string& room) const;
    /// Does `listener` hear `source`? Nobody hears itself through the mesh, but the question is then answered with yes.
    bool audible(const std::string& room, const std::string& listener, const std::string& source) const;

  private:
    std::map<std::string, settings::Room> rooms_;
    std::string default_room_ = "default";
    std::map<std::string, std::set<std::string>> rooms_of_;
    std::map<std::string, Routes> routes_;  ///< of rooms that are not configured (any more) too: they may come back
};

}  // namespace matriz::rooms

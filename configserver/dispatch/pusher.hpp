// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/protocol/codec.hpp"
#include "configserver/dispatch/session.hpp"
#include "configserver/registry/registry.hpp"
#include "configserver/rooms/rooms.hpp"
#include "configserver/stats/stats.hpp"

namespace matriz::dispatch {

/// Tells everyone concerned about a change: the members of the room get their list, monitors the event, viewers the
/// state. What passing something on costs is counted in bytes, each receiver's anew and none as less than a few KiB: a
/// short write takes as long as copying those.
class Pusher {
  public:
    Pusher(const Sessions& sessions, const registry::Registry& registry, const rooms::Rooms& rooms,
           const stats::Stats& stats);

    /// A change in `room` that was about `name`. `text` is for nodes, `event` for monitors (empty: no event). `except`
    /// is not told (0: nobody is left out).
    void announce(const std::string& room, const std::string& name, const std::string& text, const std::string& event,
                  SessionId except = 0) const;
    /// Passes a node's or monitor's message on to the others of `room`, and to monitors. Throws protocol::Malformed,
    /// before anyone was told, when it would be longer than any of them takes. Returns what it cost.
    std::size_t broadcast(const std::string& room, const protocol::Relay& message, const Session& from) const;
    /// The original tells everyone, the sender included. Returns what it cost.
    std::size_t refresh(const std::string& room) const;
    /// Tells a monitor of the rooms that it is owed, as far as it reads; the rest follows when that has left.
    void catch_up(Session& monitor) const;
    /// What `viewer` sees of its room.
    void send_state(const Session& viewer) const;

    /// The list as `listener` is to see it; an empty name sees everyone.
    protocol::ClientList list(const std::string& room, const std::string& listener) const;

    /// The picture of all links of a room.
    protocol::RoomStatus status(const std::string& room) const;
    /// The same as JSON; its figures may be a second old. For those who may ask as often as they like.
    const std::string& recent_status(const std::string& room);
    /// Sends each monitor and viewer that asked for it the picture of its room.
    void send_pictures() const;

    /// Called after every change that announce() tells, with the room.
    std::function<void(const std::string& room)> on_change;

  private:
    using Encode = std::function<std::string(const protocol::ClientList&)>;
    /// Sends `encode(list)` to each member; `whole`, if given, is that of the whole list. The text is made once when
    /// all see the same. Returns what it cost.
    std::size_t send_lists(const std::string& room, SessionId except, http::SendQueue::Kind kind, const Encode& encode,
                           http::Frame whole = nullptr) const;
    http::Frame event_frame(const std::string& room, const std::string& event) const;
    http::Frame state_of(const std::string& room, bool refresh) const;
    void tell_monitors(const std::string& room, const std::string& event, SessionId except) const;

    const Sessions& sessions_;
    const registry::Registry& registry_;
    const rooms::Rooms& rooms_;
    const stats::Stats& stats_;
    std::string epoch_;
    struct Recent {
        std::string text;
        std::uint64_t version = 0;  ///< of the list in it
        stats::Stats::Clock::time_point at;
    };
    std::map<std::string, Recent> recent_;  ///< by room
};

protocol::ClientInfo info(const registry::Member& member);

}  // namespace matriz::dispatch

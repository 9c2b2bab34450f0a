// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace matriz::registry {

using SessionId = std::uint64_t;

/// A node that is here.
struct Member {
    SessionId session = 0;
    std::string name;
    std::string room;
    std::string ip;
    std::uint16_t port = 0;
    bool stream = false;        ///< its RTSP port could be reached
    int version = 0;            ///< of the protocol; 0: an original client
    std::string fingerprint{};  ///< of its certificate; empty: none
    bool rtsp_tls = false;
    bool rtsp_only = false;
    bool guest = false;  ///< chose its name itself: it is its own in this room only

    /// The room of a guest, or nothing, and the name: one at a time can be that.
    std::pair<std::string, std::string> holder() const { return {guest ? room : std::string(), name}; }
    bool same_holder(const Member& other) const { return holder() == other.holder(); }
};

/// Who is connected, room by room. A name that belongs to a key is unique on the whole server, a guest's name in its
/// room; that no guest has a key's name is for the caller to see to. Knows no sockets. Pure; one thread.
class Registry {
  public:
    enum class Joined {
        fresh,      ///< nobody had this name
        unchanged,  ///< took over from a former session at the same address, port and room
        changed,    ///< took over, and something that others see is different
        moved,      ///< took over, and was in another room before
    };
    struct JoinResult {
        Joined what = Joined::fresh;
        std::optional<Member> former;
    };

    /// Adds `member`, in place of whoever had its name; a session that was another member must leave() before. The
    /// `stream` of a former session at the same address and port carries over until it is checked anew.
    JoinResult join(Member member);
    /// Nothing when this session is no member (any more).
    std::optional<Member> leave(SessionId session);
    /// True when that changed what others see.
    bool set_stream(SessionId session, bool stream);

    const Member* find(SessionId session) const;
    /// Who is called `name` in this room.
    const Member* find_name(const std::string& name, const std::string& room) const;
    /// Whom a member with this key's name would replace, wherever it is.
    const Member* find_owner(const std::string& name) const;
    /// In the order they came.
    std::vector<const Member*> members(const std::string& room) const;
    std::size_t count(const std::string& room) const;
    std::size_t size() const noexcept { return by_session_.size(); }
    /// Rooms with somebody in them.
    std::vector<std::string> rooms() const;

    /// The version of a room's list; counts up with each change of it, and never falls while the program runs.
    std::uint64_t version(const std::string& room) const;
    /// For changes from elsewhere (routes).
    void touch(const std::string& room) { ++rooms_[room].version; }

  private:
    struct Room {
        std::uint64_t version = 0;
        std::vector<SessionId> members;
    };
    using Holder = std::pair<std::string, std::string>;  ///< Member::holder()
    const Member* held_by(const Holder& holder) const;
    void remove(const Member& member);

    std::map<std::string, Room> rooms_;
    std::unordered_map<SessionId, Member> by_session_;
    std::map<Holder, SessionId> by_name_;
};

}  // namespace matriz::registry

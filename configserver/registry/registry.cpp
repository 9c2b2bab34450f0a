// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/registry/registry.hpp"

#include <algorithm>
#include <utility>

namespace matriz::registry {

Registry::JoinResult Registry::join(Member member) {
    JoinResult result;
    Room& room = rooms_[member.room];
    const auto held = by_name_.find(member.holder());
    if (held == by_name_.end()) {
        room.members.push_back(member.session);
        ++room.version;
    } else {
        Member former = by_session_.at(held->second);
        const bool same_place = former.ip == member.ip && former.port == member.port;
        if (same_place) member.stream = former.stream;
        if (former.room != member.room) {
            remove(former);
            room.members.push_back(member.session);
            ++room.version;
            result.what = Joined::moved;
        } else {
            const bool same = same_place && former.version == member.version &&
                              former.fingerprint == member.fingerprint && former.rtsp_tls == member.rtsp_tls &&
                              former.rtsp_only == member.rtsp_only;
            result.what = same ? Joined::unchanged : Joined::changed;
            if (!same) ++room.version;
            std::replace(room.members.begin(), room.members.end(), former.session, member.session);
            by_session_.erase(former.session);
        }
        result.former = std::move(former);
    }
    by_name_[member.holder()] = member.session;
    const SessionId session = member.session;
    by_session_.insert_or_assign(session, std::move(member));
    return result;
}

void Registry::remove(const Member& member) {
    Room& room = rooms_[member.room];
    std::erase(room.members, member.session);
    ++room.version;
    by_name_.erase(member.holder());
    by_session_.erase(member.session);
}

std::optional<Member> Registry::leave(SessionId session) {
    const auto found = by_session_.find(session);
    if (found == by_session_.end()) return std::nullopt;
    Member member = found->second;
    remove(member);
    return member;
}

bool Registry::set_stream(SessionId session, bool stream) {
    const auto found = by_session_.find(session);
    if (found == by_session_.end() || found->second.stream == stream) return false;
    found->second.stream = stream;
    ++rooms_[found->second.room].version;
    return true;
}

const Member* Registry::find(SessionId session) const {
    const auto found = by_session_.find(session);
    return found == by_session_.end() ? nullptr : &found->second;
}

const Member* Registry::held_by(const Holder& holder) const {
    const auto found = by_name_.find(holder);
    return found == by_name_.end() ? nullptr : find(found->second);
}

const Member* Registry::find_owner(const std::string& name) const { return held_by({"", name}); }

const Member* Registry::find_name(const std::string& name, const std::string& room) const {
    const Member* owner = find_owner(name);
    return owner != nullptr && owner->room == room ? owner : held_by({room, name});
}

std::vector<const Member*> Registry::members(const std::string& room) const {
    std::vector<const Member*> list;
    if (const auto found = rooms_.find(room); found != rooms_.end()) {
        list.reserve(found->second.members.size());
        for (const SessionId session : found->second.members) list.push_back(find(session));
    }
    return list;
}

std::size_t Registry::count(const std::string& room) const {
    const auto found = rooms_.find(room);
    return found == rooms_.end() ? 0 : found->second.members.size();
}

std::vector<std::string> Registry::rooms() const {
    std::vector<std::string> names;
    for (const auto& [name, room] : rooms_)
        if (!room.members.empty()) names.push_back(name);
    return names;
}

std::uint64_t Registry::version(const std::string& room) const {
    const auto found = rooms_.find(room);
    return found == rooms_.end() ? 0 : found->second.version;
}

}  // namespace matriz::registry

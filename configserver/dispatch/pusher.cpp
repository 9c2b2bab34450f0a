// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/pusher.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace matriz::dispatch {
namespace {

using http::SendQueue;

/// Differs between runs of the server, so that nobody takes the first list of this run for an old one.
std::string make_epoch() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return fmt::format("{:x}", std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::size_t cost_of(const http::Frame& frame) {
    constexpr std::size_t least = std::size_t{4} * 1024;
    return std::max(least, frame->size());
}

}  // namespace

protocol::ClientInfo info(const registry::Member& member) {
    return {.name = member.name,
            .ip = member.ip,
            .port = member.port,
            .stream = member.stream,
            .version = member.version,
            .fingerprint = member.fingerprint,
            .rtsp_tls = member.rtsp_tls,
            .rtsp_only = member.rtsp_only};
}

Pusher::Pusher(const Sessions& sessions, const registry::Registry& registry, const rooms::Rooms& rooms,
               const stats::Stats& stats)
    : sessions_(sessions), registry_(registry), rooms_(rooms), stats_(stats), epoch_(make_epoch()) {}

protocol::ClientList Pusher::list(const std::string& room, const std::string& listener) const {
    protocol::ClientList list;
    list.room = room;
    list.epoch = epoch_;
    list.version = registry_.version(room);
    const bool matrix = !listener.empty() && rooms_.routes(room) != nullptr;
    for (const registry::Member* member : registry_.members(room)) {
        if (!matrix || rooms_.audible(room, listener, member->name))
            list.clients.push_back(info(*member));
        else if (rooms_.audible(room, member->name, listener))
            list.listeners.push_back(info(*member));
    }
    return list;
}

std::size_t Pusher::send_lists(const std::string& room, SessionId except, SendQueue::Kind kind, const Encode& encode,
                               http::Frame whole) const {
    const bool same_for_all = rooms_.routes(room) == nullptr;
    http::Frame shared = std::move(whole);
    std::size_t cost = 0;
    for (const registry::Member* member : registry_.members(room)) {
        const Session* session = member->session == except ? nullptr : sessions_.find(member->session);
        if (session == nullptr) continue;
        if (!shared || !same_for_all) shared = http::text_frame(encode(list(room, member->name)));
        cost += cost_of(shared);
        session->connection->send(shared, kind);
    }
    return cost;
}

void Pusher::tell_monitors(const std::string& room, const std::string& event, SessionId except) const {
    if (sessions_.watchers().empty()) return;
    http::Frame shared;
    http::Frame state;
    for (const auto& [id, watcher] : sessions_.watchers()) {
        if (id == except || (!watcher->room.empty() && watcher->room != room)) continue;
        if (watcher->kind == Session::Kind::viewer) {
            if (!state) state = state_of(room, false);
            watcher->connection->send(state, SendQueue::Kind::latest);
        } else if (!event.empty()) {
            // One that does not keep up gets the last event of each room, not all of them.
            if (!watcher->owed.empty() || !watcher->connection->roomy()) {
                watcher->owed[room] = event;
                watcher->connection->tell_when_drained();
                continue;
            }
            if (!shared) shared = event_frame(room, event);
            watcher->connection->send(shared);
        }
    }
}

http::Frame Pusher::event_frame(const std::string& room, const std::string& event) const {
    return http::text_frame(encode(protocol::MonitorEvent{event, list(room, "").clients, room}));
}

void Pusher::catch_up(Session& monitor) const {
    while (!monitor.owed.empty() && monitor.connection->roomy()) {
        const auto next = monitor.owed.extract(monitor.owed.begin());
        monitor.connection->send(event_frame(next.key(), next.mapped()));
    }
    if (!monitor.owed.empty()) monitor.connection->tell_when_drained();
}

void Pusher::announce(const std::string& room, const std::string& name, const std::string& text,
                      const std::string& event, SessionId except) const {
    send_lists(room, except, SendQueue::Kind::latest, [&](protocol::ClientList list) {
        list.message = text;
        list.name = name;
        return encode(list);
    });
    tell_monitors(room, event, except);
    if (on_change) on_change(room);
}

std::size_t Pusher::broadcast(const std::string& room, const protocol::Relay& message, const Session& from) const {
    const auto as_sent_by = [&](protocol::ClientList list) {
        list.name = from.name;
        return message.with(list);
    };
    const http::Frame shared = http::text_frame(as_sent_by(list(room, "")));
    std::size_t cost = send_lists(room, from.id, SendQueue::Kind::relayed, as_sent_by, shared);
    for (const auto& [id, watcher] : sessions_.watchers()) {
        if (id == from.id || watcher->kind != Session::Kind::monitor) continue;
        if (!watcher->room.empty() && watcher->room != room) continue;
        cost += cost_of(shared);
        watcher->connection->send(shared, SendQueue::Kind::relayed);
    }
    return cost;
}

std::size_t Pusher::refresh(const std::string& room) const {
    std::size_t cost = 0;
    const http::Frame shared = http::text_frame(encode(protocol::Refresh{}));
    http::Frame state;
    for (const registry::Member* member : registry_.members(room))
        if (const Session* session = sessions_.find(member->session); session != nullptr) {
            cost += cost_of(shared);
            session->connection->send(shared, SendQueue::Kind::relayed);
        }
    for (const auto& [id, watcher] : sessions_.watchers()) {
        if (!watcher->room.empty() && watcher->room != room) continue;
        cost += cost_of(shared);
        if (watcher->kind == Session::Kind::viewer && !state) state = state_of(room, true);
        watcher->connection->send(watcher->kind == Session::Kind::viewer ? state : shared, SendQueue::Kind::relayed);
    }
    return cost;
}

http::Frame Pusher::state_of(const std::string& room, bool refresh) const {
    protocol::WebState state;
    for (const registry::Member* member : registry_.members(room)) state.streaming[member->name] = member->stream;
    state.refresh = refresh;
    return http::text_frame(encode(state));
}

void Pusher::send_state(const Session& viewer) const {
    viewer.connection->send(state_of(viewer.room, false), SendQueue::Kind::latest);
}

protocol::RoomStatus Pusher::status(const std::string& room) const {
    protocol::ClientList whole = list(room, "");
    return {.room = room,
            .epoch = std::move(whole.epoch),
            .version = whole.version,
            .clients = std::move(whole.clients),
            .links = stats_.links(registry_.members(room), stats::Stats::Clock::now())};
}

const std::string& Pusher::recent_status(const std::string& room) {
    const auto now = stats::Stats::Clock::now();
    const std::uint64_t version = registry_.version(room);
    Recent& recent = recent_[room];
    if (recent.text.empty() || recent.version != version || now - recent.at >= std::chrono::seconds(1))
        recent = {encode(status(room)), version, now};
    return recent.text;
}

void Pusher::send_pictures() const {
    std::map<std::string, http::Frame> pictures;  // made once, however many look at it
    for (const auto& [id, watcher] : sessions_.watchers()) {
        if (!watcher->wants_status) continue;
        const std::string& room = watcher->room.empty() ? rooms_.default_room() : watcher->room;
        http::Frame& picture = pictures[room];
        if (!picture) picture = http::text_frame(encode_pushed(status(room)));
        watcher->connection->send(picture, SendQueue::Kind::picture);
    }
}

}  // namespace matriz::dispatch

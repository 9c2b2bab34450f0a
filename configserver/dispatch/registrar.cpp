// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/registrar.hpp"

#include <algorithm>
#include <utility>

#include "common/protocol/version.hpp"

namespace matriz::dispatch {
namespace {

/// The name by which the original's web page registers.
constexpr std::string_view web_client = "webclient";

/// Each may be told to a whole room: a node says anew who it is when its address or port changes.
constexpr double registers_per_second = 1;
constexpr double registers_at_once = 32;

const auth::Identity* with_role(const std::vector<auth::Identity>& identities, auth::Role role) {
    const auto found = std::find_if(identities.begin(), identities.end(),
                                    [&](const auth::Identity& identity) { return identity.role == role; });
    return found == identities.end() ? nullptr : &*found;
}

/// The one identity of a node's key that `name` fits: the name it asks for, or the only one there is.
const auth::Identity* node_called(const std::vector<auth::Identity>& identities, const std::string& name) {
    const auth::Identity* found = nullptr;
    for (const auth::Identity& identity : identities) {
        if (identity.role != auth::Role::node) continue;
        if (identity.name == name) return &identity;
        if (name.empty()) {
            if (found != nullptr && found->name != identity.name) return nullptr;
            found = &identity;
        }
    }
    return found;
}

}  // namespace

void Registrar::configure(const Policy& policy) {
    policy_ = policy;
    attempts_.set_limit(policy.failed_attempts_per_minute);
}

void Registrar::refuse(Session& session, std::string_view code, std::string_view why) {
    ++counters_.refusals;
    session.send(protocol::encode_refusal(code, why));
    http::Connection& connection = *session.connection;
    leave(session);
    parts_.sessions.remove(session);
    connection.close(http::close_code::policy, why);
}

void Registrar::take(Session& session, protocol::Register message) {
    if (session.busy) return;  // one at a time; the reply to the first is under way
    const net::IpAddress address = session.connection->address();
    if (!attempts_.may_try(address, auth::Attempts::Clock::now()))
        return refuse(session, "busy", "too many wrong keys from this address; wait a minute");
    if (!session.registers.open(registers_per_second, registers_at_once, http::Clock::now()))
        return refuse(session, "busy", "too many registers on one connection; wait a moment");
    session.registers.spend(1);
    session.version = message.version;
    session.secret.clear();
    if (policy_.public_status && message.name == web_client && message.key.empty())
        return become_viewer(session, message);
    session.busy = true;
    const SessionId id = session.id;
    auth::Authenticator::Question question{.key = message.key,
                                           .name = message.name,
                                           .room = message.room,
                                           .from = address,
                                           .asker = session.connection->presence()};
    parts_.authenticator.identify(
        std::move(question), [this, id, message = std::move(message)](auth::Authenticator::Outcome outcome,
                                                                      const std::vector<auth::Identity>& whom) {
            act_later(id, [&](Session& asking) { identified(asking, message, outcome, whom); });
        });
}

void Registrar::act_later(SessionId id, const std::function<void(Session&)>& act) {
    Session* session = parts_.sessions.find(id);
    if (session == nullptr) return;
    const std::string name = session->name;
    try {
        act(*session);
        settle(id);
    } catch (const std::exception& error) {
        log_.error("the register of \"{}\" failed: {}", name, error.what());
        if (session = parts_.sessions.find(id); session == nullptr) return;
        http::Connection& connection = *session->connection;
        try {
            leave(*session);
        } catch (const std::exception& again) {
            log_.error("its room was not told that \"{}\" left: {}", name, again.what());
        }
        parts_.sessions.remove(*session);
        connection.abort();
    }
}

void Registrar::settle(SessionId id) const {
    const Session* session = parts_.sessions.find(id);
    if (session != nullptr && !session->busy) on_settled(id);
}

void Registrar::identified(Session& session, const protocol::Register& message, auth::Authenticator::Outcome outcome,
                           const std::vector<auth::Identity>& identities) {
    session.busy = false;
    if (outcome == auth::Authenticator::Outcome::busy)
        return refuse(session, "busy", "the server is busy checking keys; try again soon");
    session.secret = parts_.authenticator.keyring().mac(message.key);
    if (message.name == web_client) {
        if (with_role(identities, auth::Role::viewer) != nullptr ||
            with_role(identities, auth::Role::monitor) != nullptr)
            return become_viewer(session, message);
        if (policy_.public_status) {
            // The original's page sends whatever key it was given. That it looks on all the same must not tell a
            // guesser more, or sooner, than any other wrong key.
            if (identities.empty() && !message.key.empty()) count_wrong_key(session, message);
            session.secret.clear();
            return become_viewer(session, message);
        }
    }
    if (identities.empty()) return wrong_key(session, message);
    if (const auto* monitor = with_role(identities, auth::Role::monitor))
        return become_monitor(session, message, *monitor);
    if (with_role(identities, auth::Role::viewer) != nullptr) return become_viewer(session, message);
    if (const auto* node = node_called(identities, message.name)) return become_node(session, message, *node);
    if (const auto* guest = with_role(identities, auth::Role::guest)) return become_node(session, message, *guest);
    log_.warning("{} has a key that belongs to another name than \"{}\"; refused",
                 session.connection->address().to_string(), message.name);
    refuse(session, "name",
           message.name.empty()
               ? std::string("this key has several names; say which with \"name\"")
               : fmt::format("the name \"{}\" does not belong to this key; use the name that the server's "
                             "config gives it, or leave \"name\" empty",
                             message.name));
}

void Registrar::wrong_key(Session& session, const protocol::Register& message) {
    count_wrong_key(session, message);
    refuse(session, "key", "this key is not known to the server");
}

void Registrar::count_wrong_key(const Session& session, const protocol::Register& message) {
    ++counters_.wrong_keys;
    attempts_.failed(session.connection->address(), auth::Attempts::Clock::now());
    if (const auto verdict = throttle_.ask(http::Clock::now()); verdict.speak)
        log_.warning("{} tried to register as \"{}\" with a key that is not known{}",
                     session.connection->address().to_string(), message.name,
                     verdict.left_out > 0 ? fmt::format(" ({} such lines left out)", verdict.left_out) : "");
}

void Registrar::become_monitor(Session& session, const protocol::Register& message, const auth::Identity& identity) {
    if (!message.room.empty() && !parts_.rooms.exists(message.room))
        return refuse(session, "room", fmt::format("there is no room \"{}\" to look at", message.room));
    leave(session);
    session.identity = identity;
    session.name = identity.name;
    session.room = message.room;
    session.wants_status = message.status;
    parts_.sessions.set_kind(session, Session::Kind::monitor);
    on_registered(*session.connection);
    const std::string first = session.room.empty() ? parts_.rooms.default_room() : session.room;
    session.send(encode(protocol::MonitorWelcome{fmt::format("Monitor {} registered", identity.name),
                                                 parts_.pusher.list(first, "").clients, first}));
    if (session.room.empty())
        for (const std::string& room : parts_.registry.rooms())
            if (room != first) session.owed.emplace(room, fmt::format("Room {}", room));
    parts_.pusher.catch_up(session);
    log_.info("monitor {} from {}", identity.name, session.connection->address().to_string());
}

void Registrar::become_viewer(Session& session, const protocol::Register& message) {
    const std::string room = message.room.empty() ? parts_.rooms.default_room() : message.room;
    const bool without_key = session.secret.empty();
    if (!parts_.rooms.exists(room) || (without_key && !parts_.rooms.shown(room)))
        return refuse(session, "room", fmt::format("there is no room \"{}\" to look at", room));
    leave(session);
    session.identity = {auth::Role::viewer, room};
    session.name = message.name.empty() ? std::string(web_client) : message.name;
    session.room = room;
    // The picture of a large room, each second, is not for everyone who asks.
    session.wants_status = message.status && !without_key;
    parts_.sessions.set_kind(session, Session::Kind::viewer);
    (without_key ? on_looks_on : on_registered)(*session.connection);
    parts_.pusher.send_state(session);
}

bool Registrar::name_is_free(Session& session, const protocol::Register& message, const std::string& room) {
    const std::string& name = message.name;
    if (name.empty()) {
        refuse(session, "name", "say your name: this key is shared by a room");
        return false;
    }
    if (parts_.authenticator.keyring().has_node(name)) {
        refuse(session, "name", fmt::format("the name \"{}\" belongs to another key; choose another", name));
        return false;
    }
    const registry::Member* held = parts_.registry.find_name(name, room);
    if (held == nullptr || held->session == session.id) return true;
    // A guest that lost its connection comes back from where it was and as who it was; anyone else with the room's key
    // is somebody else.
    const bool same_identity = held->fingerprint.empty() || held->fingerprint == message.fingerprint;
    if (same_identity && held->ip == session.connection->address().to_string()) return true;
    refuse(session, "name", fmt::format("the name \"{}\" is taken; choose another", name));
    return false;
}

std::optional<registry::Member> Registrar::place(Session& session, const protocol::Register& message,
                                                 const auth::Identity& identity) {
    const bool guest = identity.role == auth::Role::guest;
    if (guest && !name_is_free(session, message, identity.name)) return std::nullopt;
    const std::string name = guest ? message.name : identity.name;
    const registry::Member* held =
        guest ? parts_.registry.find_name(name, identity.name) : parts_.registry.find_owner(name);
    const auto admission = parts_.rooms.admit(identity, message.room, [&](const std::string& room) {
        const std::size_t count = parts_.registry.count(room);
        return held != nullptr && held->room == room ? count - 1 : count;  // it takes its own place
    });
    if (admission.room.empty()) {
        refuse(session, admission.code, admission.refusal);
        return std::nullopt;
    }
    return registry::Member{.session = session.id,
                            .name = name,
                            .room = admission.room,
                            .ip = session.connection->address().to_string(),
                            .port = message.port,
                            .stream = false,
                            .version = message.version,
                            .fingerprint = message.fingerprint,
                            .rtsp_tls = message.rtsp_tls,
                            .rtsp_only = message.rtsp_only,
                            .guest = guest};
}

void Registrar::become_node(Session& session, const protocol::Register& message, const auth::Identity& identity) {
    const auto placed = place(session, message, identity);
    if (!placed) return;
    const registry::Member& member = *placed;
    if (message.port == 0 && message.version == 0)
        log_.warning("{} gives no port; nobody will be able to play it", member.name);
    session.identity = identity;
    on_registered(*session.connection);
    // An original client gets one reply, with the outcome of the check; a matriz node plays at once and learns it
    // later.
    const bool wait = policy_.port_check && message.version == 0;
    if (!wait) join(session, member, "registered");
    // Who comes through a proxy of which we see no more than that it is on this machine would look at our own ports.
    const http::Connection& connection = *session.connection;
    const bool hidden = connection.address().is_loopback() && !connection.local();
    if (!policy_.port_check || member.port == 0 || hidden) {
        if (wait) join(session, member, hidden ? "port not checked: your address is not known" : "no port to check");
        return;
    }
    session.busy = wait;
    if (wait) session.entering = member.room;
    const SessionId id = session.id;
    session.port_check = parts_.port_checker.start(session.connection->address(), member.port,
                                                   [this, id, wait, message](const net::PortChecker::Result& result) {
                                                       act_later(id, [&](Session& checked) {
                                                           if (!wait) return port_checked(id, result);
                                                           join_checked(checked, message, result);
                                                       });
                                                   });
}

void Registrar::join_checked(Session& session, const protocol::Register& message,
                             const net::PortChecker::Result& result) {
    session.busy = false;
    session.entering.clear();
    // Asked again: while the port was checked, others have come and the config may be another. A key that was taken
    // away is the hub's to see.
    auto member = place(session, message, session.identity);
    if (!member) return;
    member->stream = result.open;
    join(session, std::move(*member), result.message);
}

void Registrar::join(Session& session, registry::Member member, const std::string& check_message) {
    // The same connection as somebody else: who it was leaves.
    if (const registry::Member* was = parts_.registry.find(session.id); was != nullptr && !was->same_holder(member))
        leave(session);
    const bool checked_stream = member.stream;
    const bool was_checked = session.version == 0;
    session.name = member.name;
    session.room = member.room;
    parts_.sessions.set_kind(session, Session::Kind::node);
    const auto result = parts_.registry.join(member);
    bool changed = result.what != registry::Registry::Joined::unchanged;
    if (was_checked) changed |= parts_.registry.set_stream(session.id, checked_stream);
    parts_.stats.forget(session.id);
    if (result.former && result.former->session != session.id) dismiss_former(*result.former, session.id);
    ++counters_.joins;

    protocol::ClientList list = parts_.pusher.list(member.room, member.name);
    list.name = member.name;
    const registry::Member& now = *parts_.registry.find(session.id);
    const bool newer = session.version > 0;
    session.send(
        encode(protocol::Registered{.name = now.name,
                                    .ip = now.ip,
                                    .port = now.port,
                                    .stream = now.stream,
                                    .message = check_message,
                                    .version = newer ? protocol::version : 0,
                                    .ice_servers = newer ? parts_.ice.of(now.name, std::chrono::system_clock::now())
                                                         : std::vector<protocol::IceServer>{},
                                    .stun_port = newer ? stun_port_ : std::uint16_t{0}},
               list));
    if (changed || result.former->session != session.id)
        log_.info("{} is in room {} from {}:{}{}", now.name, now.room, now.ip, now.port,
                  result.former ? " (again)" : "");
    if (result.what == registry::Registry::Joined::moved)
        parts_.pusher.announce(result.former->room, member.name,
                               fmt::format("[{}] disconnected from config server", member.name),
                               fmt::format("[{}] disconnected", member.name));
    if (changed)
        parts_.pusher.announce(member.room, member.name, fmt::format("[{}] connected to config server", member.name),
                               fmt::format("[{}] connected with IP {}", member.name, member.ip), session.id);
}

void Registrar::dismiss_former(const registry::Member& former, SessionId successor) {
    Session* session = parts_.sessions.find(former.session);
    if (session == nullptr || session->id == successor) return;
    http::Connection& connection = *session->connection;
    parts_.stats.forget(session->id);
    parts_.sessions.remove(*session);
    connection.close(http::close_code::policy, "replaced by a newer connection with the same key");
}

void Registrar::port_checked(SessionId id, const net::PortChecker::Result& result) {
    const registry::Member* member = parts_.registry.find(id);
    if (member == nullptr) return;
    if (parts_.registry.set_stream(id, result.open)) {
        parts_.pusher.announce(member->room, member->name, result.message, "");
    } else if (const Session* session = parts_.sessions.find(id); session != nullptr && !result.open) {
        // For the others nothing changed; the node itself should know that it cannot be reached.
        protocol::ClientList list = parts_.pusher.list(member->room, member->name);
        list.name = member->name;
        list.message = result.message;
        session->send(encode(list));
    }
}

void Registrar::leave(Session& session) {
    session.port_check.reset();
    const auto member = parts_.registry.leave(session.id);
    if (!member) return;
    parts_.stats.forget(session.id);
    ++counters_.leaves;
    log_.info("{} left room {}", member->name, member->room);
    parts_.pusher.announce(member->room, member->name,
                           fmt::format("[{}] disconnected from config server", member->name),
                           fmt::format("[{}] disconnected", member->name));
}

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/hub.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace matriz::dispatch {
namespace {

constexpr auto picture_interval = std::chrono::seconds(1);
/// What one may say before it is let in.
constexpr std::size_t max_early = 16;
constexpr std::size_t max_early_bytes = std::size_t{16} * 1024;
constexpr double signal_burst = 8;    // seconds' worth at once: a node that joins offers to every peer
constexpr double change_burst = 5;    // seconds' worth
constexpr double relay_burst = 4;     // likewise
constexpr double senders_a_room = 4;  // at their full rate

void add_key(auth::Keyring& keyring, auth::Role role, const std::string& name, const std::string& key,
             const std::string& hash) {
    if (!key.empty()) keyring.add({role, name}, key);
    if (const auto parsed = auth::KeyHash::parse(hash)) keyring.add({role, name}, *parsed);
}

}  // namespace

Hub::Hub(net::Reactor& reactor, store::Store& store)
    : pusher_(sessions_, registry_, rooms_, stats_),
      port_checker_(reactor),
      registrar_({sessions_, registry_, rooms_, pusher_, authenticator_, port_checker_, stats_, ice_}),
      writer_(store),
      router_({registry_, rooms_, pusher_, writer_}, store),
      keymaker_(authenticator_, rooms_, writer_, store),
      api_({registry_, rooms_, pusher_, stats_, authenticator_, registrar_.attempts(), changes_, router_, keymaker_,
            metrics_}),
      pictures_(glib::Source::every(picture_interval, [this] { pusher_.send_pictures(); })) {
    registrar_.on_settled = [this](SessionId id) { take_early(id); };
    api_.on_keys_changed = [this] { dismiss_strangers(); };
}

void Hub::attach(http::Server& server) {
    registrar_.on_registered = [&server](http::Connection& connection) { server.registered(connection); };
    registrar_.on_looks_on = [&server](http::Connection& connection) { server.looks_on(connection); };
    describe_metrics(server);
}

void Hub::on_change(std::function<void()> changed) {
    pusher_.on_change = [changed = std::move(changed)](const std::string&) { changed(); };
}

std::vector<hooks::RoomView> Hub::view() const {
    std::vector<hooks::RoomView> view;
    for (const std::string& room : registry_.rooms()) view.push_back({room, pusher_.list(room, "").clients});
    return view;
}

auth::Keyring Hub::keys_of(const settings::Settings& settings) const {
    auth::Keyring keyring = authenticator_.keyring().emptied();
    for (const auto& key : settings.client_keys) add_key(keyring, auth::Role::node, key.name, key.key, key.key_hash);
    const auto& monitor = settings.monitor_key;
    add_key(keyring, auth::Role::monitor, monitor.name, monitor.key, monitor.key_hash);
    const auto& viewer = settings.viewer_key;
    add_key(keyring, auth::Role::viewer, viewer.name, viewer.key, viewer.key_hash);
    for (const auto& room : settings.rooms) add_key(keyring, auth::Role::guest, room.name, room.key, room.key_hash);
    keymaker_.load(keyring);
    return keyring;
}

void Hub::configure(const settings::Settings& settings, auth::Keyring keys) {
    authenticator_.keyring() = std::move(keys);
    rooms_.configure(settings.rooms, settings.default_room);
    port_checker_.set_limit(std::chrono::seconds(settings.port_check_timeout_s));
    registrar_.configure({.port_check = settings.port_check,
                          .public_status = settings.public_status,
                          .failed_attempts_per_minute = settings.failed_attempts_per_minute});
    api_.configure({.public_status = settings.public_status, .public_metrics = settings.public_metrics});
    authenticator_.set_limit(settings.limits.unregistered);
    const double changes = settings.max_changes_per_second;
    changes_.set(changes, change_burst * changes);
    public_status_ = settings.public_status;
    max_signal_ = static_cast<std::size_t>(settings.max_signal_bytes);
    signals_per_second_ = settings.max_signals_per_second;
    relayed_per_second_ = settings.max_relayed_bytes_per_second;
    room_relays_.clear();
    dismiss_strangers();
    if (!ice_.configure(settings.ice_servers)) return;
    ice_renewal_.cancel();
    if (const auto interval = ice_.renewal())
        ice_renewal_ = glib::Source::every(*interval, [this] { tell_ice_servers(); });
    tell_ice_servers();
}

void Hub::tell_ice_servers() const {
    const auto now = std::chrono::system_clock::now();
    sessions_.each([&](const Session& session) {
        if (session.kind == Session::Kind::node && session.version > 0 && !session.busy)
            session.send(protocol::encode(ice_.of(session.name, now)));
    });
}

void Hub::dismiss_strangers() {
    std::vector<SessionId> leaving;
    sessions_.each([&](const Session& session) {
        if (!may_stay(session)) leaving.push_back(session.id);
    });
    for (const SessionId id : leaving)
        if (Session* session = sessions_.find(id))
            registrar_.refuse(*session, "key",
                              "your key or room is no longer known to the server, or your name is another key's now");
}

bool Hub::may_stay(const Session& session) const {
    if (session.kind == Session::Kind::stranger && session.entering.empty()) return true;
    if (session.kind == Session::Kind::viewer && !rooms_.exists(session.room)) return false;
    if (session.secret.empty()) return public_status_ && rooms_.shown(session.room);
    const auto known = authenticator_.keyring().find_mac(session.secret);
    if (session.kind == Session::Kind::viewer)
        return std::any_of(known.begin(), known.end(), [](const auth::Identity& identity) {
            return identity.role == auth::Role::viewer || identity.role == auth::Role::monitor;
        });
    if (std::find(known.begin(), known.end(), session.identity) == known.end()) return false;
    if (session.kind == Session::Kind::monitor) return session.room.empty() || rooms_.exists(session.room);
    // A guest gives way when its name is given to a key.
    const bool guest = session.identity.role == auth::Role::guest;
    if (guest && authenticator_.keyring().has_node(session.name)) return false;
    const std::string& room = session.entering.empty() ? session.room : session.entering;
    return !rooms_.place(session.identity, room).room.empty();
}

void Hub::on_http(const http::Request& request, std::string_view body, const http::Connection& connection,
                  Reply reply) {
    api_.answer(request, body, connection, std::move(reply));
}

void Hub::on_open(http::Connection& connection) { sessions_.add(connection); }

void Hub::on_gone(http::Connection& connection, std::string_view why) {
    Session* session = Sessions::of(connection);
    if (session == nullptr) return;
    if (session->kind != Session::Kind::stranger)
        log_.info("{} from {} is gone: {}", session->name, connection.address().to_string(), why);
    registrar_.leave(*session);
    sessions_.remove(*session);
}

void Hub::on_drained(http::Connection& connection) {
    if (Session* session = Sessions::of(connection); session != nullptr) pusher_.catch_up(*session);
}

void Hub::on_message(http::Connection& connection, std::string_view text) {
    Session* session = Sessions::of(connection);
    if (session == nullptr) return;
    try {
        auto message = protocol::decode_client_message(text);
        if (session->kind == Session::Kind::stranger && !std::holds_alternative<protocol::Register>(message)) {
            if (!session->busy) return registrar_.refuse(*session, "register", "register first");
            if (!std::holds_alternative<protocol::Deregister>(message)) return keep(*session, text);
        }
        std::visit([&](auto& kind) { take(*session, std::move(kind)); }, message);
    } catch (const protocol::Malformed& error) {
        // The session may be gone if it sent rubbish in the middle of leaving.
        if (session = Sessions::of(connection); session == nullptr) return;
        const std::string why = fmt::format("this message is not understood: {}", error.what());
        if (session->kind == Session::Kind::stranger) return registrar_.refuse(*session, "message", why);
        session->send(protocol::encode_refusal("message", why));
    }
}

void Hub::keep(Session& session, std::string_view text) {
    // It said "register" and cannot know that others do not see it yet: its words wait with it. The rest of a flood is
    // for nobody.
    if (session.early.size() >= max_early || session.early_bytes + text.size() > max_early_bytes) return;
    session.early_bytes += text.size();
    session.early.emplace_back(text);
}

void Hub::take_early(SessionId id) {
    Session* session = sessions_.find(id);
    if (session == nullptr) return;
    session->early_bytes = 0;
    http::Connection& connection = *session->connection;
    for (const std::string& text : std::exchange(session->early, {})) on_message(connection, text);
}

void Hub::take(Session& session, protocol::Register&& message) { registrar_.take(session, std::move(message)); }

void Hub::take(Session& session, protocol::Deregister&&) {
    http::Connection& connection = *session.connection;
    log_.info("{} deregisters", session.name);
    registrar_.leave(session);
    sessions_.remove(session);
    connection.close(http::close_code::normal, "deregistered");
}

void Hub::take(Session& session, protocol::Refresh&&) {
    if (session.kind == Session::Kind::viewer) return;
    relay(session, [this](const std::string& room) { return pusher_.refresh(room); });
}

void Hub::relay(Session& session, const std::function<std::size_t(const std::string& room)>& pass_on) {
    const auto now = http::Clock::now();
    const bool allowed = session.relays.open(relayed_per_second_, relay_burst * relayed_per_second_, now);
    bool refused = !allowed;
    const auto to = [&](const std::string& room) {
        const double rate = senders_a_room * relayed_per_second_;
        http::TokenBucket& bucket = room_relays_[room];
        if (!allowed || !bucket.open(rate, relay_burst * rate, now)) {
            refused = true;
            return;
        }
        const auto cost = static_cast<double>(pass_on(room));
        bucket.spend(cost);
        session.relays.spend(cost);
    };
    if (!session.room.empty())
        to(session.room);
    else
        for (const std::string& room : registry_.rooms()) to(room);
    if (refused) session.send(protocol::encode_refusal("busy", "too much is passed on to others; wait a moment"));
}

void Hub::take(Session& session, protocol::Broadcast&& message) {
    if (session.kind == Session::Kind::viewer)
        return session.send(protocol::encode_refusal("message", "viewers look on"));
    std::optional<protocol::Relay> said;
    relay(session, [&](const std::string& room) {
        if (!said) said.emplace(std::move(message));
        return pusher_.broadcast(room, *said, session);
    });
}

bool Hub::may_signal(Session& session) const {
    const auto now = http::Clock::now();
    const std::chrono::duration<double> passed = now - session.signal_tokens_at;
    session.signal_tokens_at = now;
    session.signal_tokens =
        std::min(signal_burst * signals_per_second_, session.signal_tokens + passed.count() * signals_per_second_);
    if (session.signal_tokens < 1) return false;
    session.signal_tokens -= 1;
    return true;
}

void Hub::take(Session& session, protocol::Signal&& message) {
    const auto refuse = [&](std::string_view why) { session.send(protocol::encode_refusal("signal", why)); };
    if (session.kind != Session::Kind::node) return refuse("only nodes send signals");
    if (!may_signal(session)) return refuse("too many signals a second");
    const registry::Member* receiver = registry_.find_name(message.peer, session.room);
    if (receiver == nullptr) return refuse(fmt::format("\"{}\" is not in this room", message.peer));
    const std::string text = encode(protocol::Signal{session.name, std::move(message.body)}, protocol::Towards::node);
    if (text.size() > max_signal_) return refuse(fmt::format("a signal may have {} bytes", max_signal_));
    ++signals_;
    const Session* target = sessions_.find(receiver->session);
    if (target == nullptr || !target->connection->send(http::text_frame(text), http::SendQueue::Kind::relayed))
        refuse(fmt::format("\"{}\" takes no messages at the moment", message.peer));
}

void Hub::take(Session& session, protocol::Report&& message) {
    if (session.kind != Session::Kind::node || session.busy) return;
    ++reports_;
    const auto most = static_cast<std::size_t>(rooms_.describe(session.room).limit);
    stats_.take(session.id, std::move(message), most, stats::Stats::Clock::now());
}

void Hub::take(Session& session, protocol::SetRoutes&& message) {
    const auto refuse = [&](std::string_view code, std::string_view why) {
        session.send(protocol::encode_refusal(code, why));
    };
    if (session.kind != Session::Kind::monitor) return refuse("key", "only monitors change routes");
    const net::IpAddress address = session.connection->address();
    const auto now = net::AddressBuckets::Clock::now();
    if (changes_.left(address, now) < 1) return refuse("busy", "too many changes from this address; wait a moment");
    changes_.spend(address, now);
    const std::string& own = session.room.empty() ? rooms_.default_room() : session.room;
    const std::string room = message.room.empty() ? own : message.room;
    if (!rooms_.exists(room)) return refuse("room", fmt::format("there is no room \"{}\"", room));
    const bool taken =
        router_.set(room, std::move(message.hears), session.name, [this, id = session.id, room](const auto& trouble) {
            if (!trouble) return;
            log_.error("routes of room {}: {}", room, *trouble);
            if (const Session* asker = sessions_.find(id)) asker->send(protocol::encode_refusal("store", *trouble));
        });
    if (!taken) refuse("busy", "too many changes wait for the disk; try again soon");
}

void Hub::describe_metrics(const http::Server& server) {
    const auto sessions = [this](Session::Kind kind) {
        return [this, kind] { return static_cast<double>(sessions_.count(kind)); };
    };
    const auto of = [](const std::uint64_t& count) { return [&count] { return static_cast<double>(count); }; };
    const auto& http = server.counters();
    const auto& registrar = registrar_.counters();
    metrics_.gauge("matriz_server_connections", "Open connections.",
                   [&server] { return static_cast<double>(server.connections()); });
    metrics_.gauge("matriz_server_unregistered", "Connections that have not registered.",
                   [&server] { return static_cast<double>(server.unregistered()); });
    metrics_.gauge("matriz_server_nodes", "Nodes in all rooms.",
                   [this] { return static_cast<double>(registry_.size()); });
    metrics_.gauge("matriz_server_rooms", "Rooms with somebody in them.",
                   [this] { return static_cast<double>(registry_.rooms().size()); });
    metrics_.gauge("matriz_server_store_waiting", "Changes of routes and keys that wait for the disk.",
                   [this] { return static_cast<double>(writer_.waiting()); });
    metrics_.gauge("matriz_server_monitors", "Monitors.", sessions(Session::Kind::monitor));
    metrics_.gauge("matriz_server_viewers", "Web viewers.", sessions(Session::Kind::viewer));
    metrics_.counter("matriz_server_accepted_total", "Connections accepted.", of(http.accepted));
    metrics_.counter("matriz_server_over_limit_total", "Connections refused because of a limit.", of(http.refused));
    metrics_.counter("matriz_server_evicted_total", "Connections without a key that made room.", of(http.evicted));
    metrics_.counter("matriz_server_http_requests_total", "HTTP requests, websockets included.",
                     of(http.http_requests));
    metrics_.counter("matriz_server_messages_total", "Websocket messages received.", of(http.messages));
    metrics_.counter("matriz_server_joins_total", "Nodes registered.", of(registrar.joins));
    metrics_.counter("matriz_server_leaves_total", "Nodes that left.", of(registrar.leaves));
    metrics_.counter("matriz_server_refusals_total", "Sessions refused, for any reason.", of(registrar.refusals));
    metrics_.counter("matriz_server_wrong_keys_total", "Registrations with a key that is not known.",
                     of(registrar.wrong_keys));
    metrics_.counter("matriz_server_signals_total", "Signals passed on.", of(signals_));
    metrics_.counter("matriz_server_reports_total", "Link reports received.", of(reports_));
}

}  // namespace matriz::dispatch

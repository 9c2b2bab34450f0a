// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace matriz::control {
namespace {

double seconds(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count(); }

action::Say say(log::Level level, std::string text) { return {level, std::move(text)}; }

}  // namespace

Session::Session(protocol::Register hello, Times times, std::uint64_t seed)
    : hello_(std::move(hello)),
      times_(times),
      backoff_(times.first_backoff, times.longest_backoff, seed),
      refusal_backoff_(times.longest_backoff, times.longest_backoff, seed + 1, times.refused_backoff),
      roster_(times.grace),
      listeners_(times.grace),
      own_name_(hello_.name) {}

void Session::enter(State state, Time now) noexcept {
    state_ = state;
    since_ = now;
}

Actions Session::start(Time now) {
    if (state_ != State::idle && state_ != State::leaving) return {};
    Actions actions;
    if (state_ == State::leaving) actions = {action::Drop{}, action::Left{}};  // on second thoughts
    backoff_.reset();
    enter(State::connecting, now);
    actions.push_back(action::Connect{});
    return actions;
}

Actions Session::connect(Time now) {
    enter(State::connecting, now);
    return {action::Connect{}};
}

Actions Session::reconnect(Time now) {
    if (state_ == State::idle || state_ == State::leaving) return {};
    Actions actions;
    if (state_ != State::waiting) actions.push_back(action::Drop{});
    backoff_.reset();
    enter(State::connecting, now);
    actions.push_back(action::Connect{});
    return actions;
}

Actions Session::opened(Time now) {
    if (state_ != State::connecting) return {action::Drop{}};
    enter(State::registering, now);
    last_heard_ = now;
    first_list_ = true;
    return {action::Send{protocol::encode(hello_)}};
}

Actions Session::received(Time now, std::string_view text) {
    if (state_ != State::registering && state_ != State::registered) return {};
    last_heard_ = now;
    protocol::ServerMessage message;
    try {
        message = protocol::decode_server_message(text);
    } catch (const protocol::Malformed& error) {
        return {say(log::Level::warning, fmt::format("ignored a message of the server: {}", error.what()))};
    }
    Actions actions;
    if (message.registered) welcome(*message.registered, actions);
    // An original server passes on whatever anybody sends: there, nothing of this is the server's own word.
    if (server_version_ > 0 && message.ice_servers)
        actions.push_back(action::UseIceServers{std::move(*message.ice_servers)});
    if (server_version_ > 0 && message.signal) take_signal(std::move(*message.signal), actions);
    if (message.list) return take_list(message, now, std::move(actions));
    // While registering, the server hangs up after this and gives the same reason.
    const bool refused = !message.error.empty() && state_ == State::registered && message.error != "signal";
    if (!message.message.empty())
        actions.push_back(say(refused ? log::Level::warning : log::Level::debug,
                              refused ? "the server refused a message: " + message.message : message.message));
    return actions;
}

void Session::take_signal(protocol::Signal&& signal, Actions& actions) const {
    if (state_ == State::registered && !signal.peer.empty() && signal.peer != own_name_)
        actions.push_back(action::Deliver{std::move(signal.peer), std::move(signal.body)});
}

Actions Session::take_list(const protocol::ServerMessage& message, Time now, Actions actions) {
    const protocol::ClientList& list = *message.list;
    // A list, with or without the reply, shows that the server took the register.
    if (state_ == State::registering) enter(State::registered, now);
    if (!message.registered && !message.message.empty()) actions.push_back(say(log::Level::info, message.message));
    if (!message.registered)
        for (const protocol::ClientInfo& client : list.clients)
            if (client.name == own_name_ && (client.stream || list.name == own_name_))
                learn_reach(client.stream, message.message, actions);
    const bool first = std::exchange(first_list_, false);
    roster_.update(now, list.clients, list.name, own_name_, first);
    listeners_.update(now, list.listeners, list.name, own_name_, first);
    if (message.registered && !roster_.missing().empty())
        actions.push_back(say(log::Level::info, fmt::format("not back at the server yet, kept for {} s: {}",
                                                            times_.grace.count(), fmt::join(roster_.missing(), ", "))));
    publish(actions);
    return actions;
}

void Session::welcome(const protocol::Registered& reply, Actions& actions) {
    if (!reply.name.empty()) own_name_ = reply.name;
    own_address_ = reply.ip;
    server_version_ = reply.version;
    stun_port_ = reply.version > 0 ? reply.stun_port : std::uint16_t{0};
    std::string text = fmt::format("registered as {}, seen at {} port {}", own_name_, reply.ip, reply.port);
    if (own_name_ != hello_.name && !hello_.name.empty())
        text += fmt::format("; the server has this key under that name, not \"{}\"", hello_.name);
    actions.push_back(say(log::Level::info, std::move(text)));
    // Ours answers before it has tried; the outcome comes with a list about this node.
    reachable_.reset();
    if (reply.version == 0 || reply.stream) learn_reach(reply.stream, reply.message, actions);
}

void Session::learn_reach(bool reachable, const std::string& why, Actions& actions) {
    if (!reachable && reachable_ != false)
        actions.push_back(say(log::Level::warning,
                              fmt::format("the server cannot reach this node's stream ({}); it can be heard without "
                                          "WebRTC only where TCP port {} is open",
                                          why.empty() ? "no reason given" : why, hello_.port)));
    reachable_ = reachable;
}

void Session::publish(Actions& actions) const {
    actions.push_back(action::Publish{roster_.clients(), listeners_.clients(), own_name_});
}

Actions Session::closed(Time now, const Closed& why) {
    switch (state_) {
        case State::idle:
        case State::waiting:
            return {};
        case State::leaving:
            enter(State::idle, now);
            return {action::Left{}};
        case State::connecting:
            return retry(now, why.text, false, false);
        case State::registering:
            // The original hangs up on a key that it does not know without a word.
            return retry(now,
                         is_refusal(why.code)
                             ? why.text
                             : why.text + "; it gave no answer to the register: does it know this node's `key`?",
                         true, false);
        case State::registered:
            return retry(now, why.text, is_refusal(why.code), false);
    }
    return {};
}

Actions Session::retry(Time now, const std::string& why, bool refused, bool drop) {
    Actions actions;
    if (drop) actions.push_back(action::Drop{});
    if (state_ == State::registered && now - since_ >= times_.stable) backoff_.reset();
    const auto wait = refused ? refusal_backoff_.next() : backoff_.next();
    const bool was_registered = state_ == State::registered;
    const bool repeated = !was_registered && why == last_error_;
    last_error_ = why;
    retry_at_ = now + wait;
    enter(State::waiting, now);
    actions.push_back(say(repeated ? log::Level::debug : log::Level::warning,
                          fmt::format("{}{} (next attempt in {:.1f} s)", why,
                                      was_registered ? "; playing on with the last list" : "", seconds(wait))));
    return actions;
}

Actions Session::tick(Time now) {
    const auto due = deadline();
    if (!due || now < *due) return {};
    Actions actions;
    switch (state_) {
        case State::idle:
            break;
        case State::connecting:
            return retry(now, fmt::format("the server did not answer within {:.0f} s", seconds(times_.connect)), false,
                         true);
        case State::registering:
        case State::registered:
            if (now - last_heard_ >= times_.silence)
                return retry(now, fmt::format("the server was silent for {:.0f} s", seconds(times_.silence)), false,
                             true);
            if (state_ == State::registering && now - since_ >= times_.reply)
                return retry(
                    now, fmt::format("the server gave no answer to the register for {:.0f} s", seconds(times_.reply)),
                    false, true);
            if (state_ == State::registered) expire(now, actions);
            break;
        case State::waiting:
            return connect(now);
        case State::leaving:
            enter(State::idle, now);
            return {action::Drop{}, action::Left{}};
    }
    return actions;
}

void Session::expire(Time now, Actions& actions) {
    const auto missing = roster_.missing();
    const bool heard_less = roster_.expire(now);
    if (heard_less)
        actions.push_back(say(log::Level::info, fmt::format("did not come back: {}", fmt::join(missing, ", "))));
    if (listeners_.expire(now) || heard_less) publish(actions);
}

Actions Session::report(const protocol::Report& report) const {
    if (state_ != State::registered || server_version_ == 0 || report.links.empty()) return {};
    return {action::Send{protocol::encode(report)}};
}

Actions Session::signal(const std::string& peer, Json::Value body) const {
    if (state_ != State::registered || server_version_ == 0) return {};
    return {action::Send{protocol::encode(protocol::Signal{peer, std::move(body)}, protocol::Towards::server)}};
}

Actions Session::leave(Time now, bool forget) {
    Actions actions;
    switch (state_) {
        case State::idle:
            actions.push_back(action::Left{});
            break;
        case State::leaving:
            break;
        case State::registered:
            actions.push_back(action::Send{protocol::encode(protocol::Deregister{})});
            actions.push_back(action::Close{});
            enter(State::leaving, now);
            break;
        case State::connecting:
        case State::registering:
        case State::waiting:
            actions.push_back(action::Drop{});
            actions.push_back(action::Left{});
            enter(State::idle, now);
            break;
    }
    if (forget) {
        roster_.clear();
        listeners_.clear();
        publish(actions);
    }
    return actions;
}

std::optional<Session::Time> Session::deadline() const {
    switch (state_) {
        case State::idle:
            return std::nullopt;
        case State::connecting:
            return since_ + times_.connect;
        case State::registering:
            return std::min(last_heard_ + times_.silence, since_ + times_.reply);
        case State::registered:
            return std::min({last_heard_ + times_.silence, roster_.deadline().value_or(Time::max()),
                             listeners_.deadline().value_or(Time::max())});
        case State::waiting:
            return retry_at_;
        case State::leaving:
            return since_ + times_.leave;
    }
    return std::nullopt;
}

std::string_view name(Session::State state) noexcept {
    switch (state) {
        case Session::State::idle:
            return "idle";
        case Session::State::connecting:
            return "connecting";
        case Session::State::registering:
            return "registering";
        case Session::State::registered:
            return "registered";
        case Session::State::waiting:
            return "waiting";
        case Session::State::leaving:
            return "leaving";
    }
    return "unknown";
}

}  // namespace matriz::control

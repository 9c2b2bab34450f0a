// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/log.hpp"
#include "common/protocol/codec.hpp"
#include "node/control/backoff.hpp"
#include "node/control/closed.hpp"
#include "node/control/roster.hpp"

namespace matriz::control {

/// The times of a session. The defaults see a dead server within 10 s: pings go out every `ping`.
struct Times {
    std::chrono::milliseconds connect = std::chrono::seconds{10};  ///< for TCP, TLS and the handshake
    std::chrono::milliseconds reply = std::chrono::seconds{15};    ///< for the answer to the register
    std::chrono::milliseconds ping = std::chrono::seconds{3};
    std::chrono::milliseconds silence = std::chrono::seconds{9};  ///< neither message nor pong: the server is dead
    std::chrono::milliseconds leave = std::chrono::seconds{1};    ///< for the goodbye
    std::chrono::milliseconds stable = std::chrono::seconds{10};  ///< registered so long, the backoff starts anew
    std::chrono::milliseconds first_backoff{500};
    std::chrono::milliseconds longest_backoff = std::chrono::seconds{30};
    std::chrono::milliseconds refused_backoff = std::chrono::seconds{10};  ///< the least wait after a refusal
    std::chrono::seconds grace{45};                                        ///< see Roster
};

/// What the session asks of whoever drives it, to be done in order.
namespace action {
struct Connect {};
struct Send {
    std::string text;
};
struct Close {};                                  ///< say goodbye to the server; the answer is closed()
struct Drop {};                                   ///< forget the connection at once; no closed() follows
struct Publish {                                  ///< whom the mesh consists of now
    std::vector<protocol::ClientInfo> clients;    ///< whom to hear, perhaps with this node
    std::vector<protocol::ClientInfo> listeners;  ///< who may take the stream besides
    std::string own_name;
};
struct Say {
    log::Level level;
    std::string text;
};
struct Deliver {       ///< what another node sent to this one, through the server
    std::string from;  ///< never empty; the server vouches for it
    Json::Value body;
};
struct UseIceServers {  ///< from now on, until others are said
    std::vector<protocol::IceServer> servers;
};
struct Left {};  ///< the goodbye is over; nothing follows until start()
}  // namespace action
using Action = std::variant<action::Connect, action::Send, action::Close, action::Drop, action::Publish, action::Say,
                            action::Deliver, action::UseIceServers, action::Left>;
using Actions = std::vector<Action>;

/// How this node stands with the config server: a state machine without I/O, clock or randomness of its own. Each
/// event returns what is to be done; tick() is due at deadline(). Register first, then lists; on any failure reconnect
/// for ever with backoff and keep the last list meanwhile. Not thread-safe.
class Session {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    enum class State {
        idle,         ///< not started, or left
        connecting,   ///< TCP, TLS, handshake
        registering,  ///< register sent, no answer yet
        registered,
        waiting,  ///< for the next attempt
        leaving,  ///< goodbye sent
    };

    Session(protocol::Register hello, Times times, std::uint64_t seed);

    Actions start(Time now);
    Actions opened(Time now);
    Actions received(Time now, std::string_view text);
    /// A pong, or any other sign of life.
    void heard(Time now) noexcept { last_heard_ = now; }
    Actions closed(Time now, const Closed& why);
    Actions tick(Time now);
    /// Says goodbye and stays away until start(). `forget` the mesh, too: nobody is to be heard any more.
    Actions leave(Time now, bool forget);

    /// This machine's network is another one: the connection, if there is one, may be dead without anybody noticing for
    /// seconds. Another takes its place at once.
    Actions reconnect(Time now);

    /// What the server is told of the links now; nothing for a server that would pass it on as chatter. Any number.
    Actions report(const protocol::Report& report) const;

    /// Hands `body` to node `peer` through the server. Nothing while not registered, and with an original server, which
    /// would tell everybody. Throws Malformed when the body cannot be written.
    Actions signal(const std::string& peer, Json::Value body) const;

    /// When to call tick() next.
    std::optional<Time> deadline() const;

    State state() const noexcept { return state_; }
    Time since() const noexcept { return since_; }
    /// Why the last connection or attempt failed; empty if none did yet.
    const std::string& last_error() const noexcept { return last_error_; }
    /// What the server calls this node; the configured name before it said so.
    const std::string& own_name() const noexcept { return own_name_; }
    /// The address at which the server saw this node; empty before a reply.
    const std::string& own_address() const noexcept { return own_address_; }
    /// Whether the server could reach this node's stream from where it is; nothing before a reply.
    std::optional<bool> reachable() const noexcept { return reachable_; }
    /// The protocol version of the server; 0 = an original server.
    int server_version() const noexcept { return server_version_; }
    /// UDP port of the server's host at which it answers STUN; 0: none.
    std::uint16_t stun_port() const noexcept { return stun_port_; }

  private:
    void enter(State state, Time now) noexcept;
    Actions take_list(const protocol::ServerMessage& message, Time now, Actions actions);
    void welcome(const protocol::Registered& reply, Actions& actions);
    void learn_reach(bool reachable, const std::string& why, Actions& actions);
    void take_signal(protocol::Signal&& signal, Actions& actions) const;
    void publish(Actions& actions) const;
    void expire(Time now, Actions& actions);
    Actions connect(Time now);
    Actions retry(Time now, const std::string& why, bool refused, bool drop);

    protocol::Register hello_;
    Times times_;
    Backoff backoff_;
    Backoff refusal_backoff_;
    Roster roster_;
    Roster listeners_;  ///< those of the list who may take the stream though they are not to be heard
    State state_ = State::idle;
    Time since_{};
    Time last_heard_{};
    Time retry_at_{};
    bool first_list_ = true;  ///< no list came over this connection yet
    std::string last_error_;
    std::string own_name_;
    std::string own_address_;
    std::optional<bool> reachable_;
    int server_version_ = 0;
    std::uint16_t stun_port_ = 0;
};

std::string_view name(Session::State state) noexcept;

}  // namespace matriz::control

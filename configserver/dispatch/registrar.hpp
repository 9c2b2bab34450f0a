// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/protocol/codec.hpp"
#include "configserver/auth/attempts.hpp"
#include "configserver/auth/authenticator.hpp"
#include "configserver/dispatch/pusher.hpp"
#include "configserver/dispatch/session.hpp"
#include "configserver/http/throttle.hpp"
#include "configserver/ice/ice.hpp"

namespace matriz::dispatch {

/// From a register message to a node, monitor or viewer: key, name, room, port check, and the reply.
class Registrar {
  public:
    struct Parts {
        Sessions& sessions;
        registry::Registry& registry;
        rooms::Rooms& rooms;
        Pusher& pusher;
        auth::Authenticator& authenticator;
        net::PortChecker& port_checker;
        stats::Stats& stats;
        const ice::Servers& ice;
    };
    struct Policy {
        bool port_check = true;
        bool public_status = false;
        int failed_attempts_per_minute = 10;
    };
    struct Counters {
        std::uint64_t joins = 0;
        std::uint64_t leaves = 0;
        std::uint64_t refusals = 0;
        std::uint64_t wrong_keys = 0;
    };

    /// Told to nodes; 0: none.
    void set_stun_port(std::uint16_t port) noexcept { stun_port_ = port; }

    explicit Registrar(Parts parts) : parts_(parts) {}
    void configure(const Policy& policy);
    /// The connection keeps its place in the server: it has registered.
    std::function<void(http::Connection&)> on_registered;
    /// It looks on without a key: it may have to give its place to others, as may another one at once.
    std::function<void(http::Connection&)> on_looks_on;
    /// It was kept waiting, and is somebody now: what it said meanwhile can be taken.
    std::function<void(SessionId)> on_settled;

    void take(Session& session, protocol::Register message);
    /// The session ends: others are told if it was a member.
    void leave(Session& session);
    /// Says why, closes, and forgets the session.
    void refuse(Session& session, std::string_view code, std::string_view why);

    const Counters& counters() const noexcept { return counters_; }
    auth::Attempts& attempts() noexcept { return attempts_; }

  private:
    void settle(SessionId id) const;
    /// `act` for a session that is still there, from the main loop: what it throws ends that session and nothing else.
    void act_later(SessionId id, const std::function<void(Session&)>& act);
    void identified(Session& session, const protocol::Register& message, auth::Authenticator::Outcome outcome,
                    const std::vector<auth::Identity>& identities);
    void wrong_key(Session& session, const protocol::Register& message);
    void count_wrong_key(const Session& session, const protocol::Register& message);
    void become_monitor(Session& session, const protocol::Register& message, const auth::Identity& identity);
    void become_viewer(Session& session, const protocol::Register& message);
    /// As whom and where this identity may be at this moment; or it is refused, and nothing comes back.
    std::optional<registry::Member> place(Session& session, const protocol::Register& message,
                                          const auth::Identity& identity);
    void become_node(Session& session, const protocol::Register& message, const auth::Identity& identity);
    bool name_is_free(Session& session, const protocol::Register& message, const std::string& room);
    void join_checked(Session& session, const protocol::Register& message, const net::PortChecker::Result& result);
    void join(Session& session, registry::Member member, const std::string& check_message);
    void dismiss_former(const registry::Member& former, SessionId successor);
    void port_checked(SessionId id, const net::PortChecker::Result& result);

    Parts parts_;
    std::uint16_t stun_port_ = 0;
    Policy policy_;
    auth::Attempts attempts_{10};
    Counters counters_;
    http::Throttle throttle_;
    log::Logger log_{"register"};
};

}  // namespace matriz::dispatch

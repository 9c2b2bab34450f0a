// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "configserver/dispatch/api.hpp"
#include "configserver/dispatch/keymaker.hpp"
#include "configserver/dispatch/metrics.hpp"
#include "configserver/dispatch/pusher.hpp"
#include "configserver/dispatch/registrar.hpp"
#include "configserver/dispatch/router.hpp"
#include "configserver/dispatch/session.hpp"
#include "configserver/hooks/render.hpp"
#include "configserver/http/server.hpp"
#include "configserver/ice/ice.hpp"
#include "configserver/net/address_buckets.hpp"
#include "configserver/rooms/rooms.hpp"
#include "configserver/settings/settings.hpp"
#include "configserver/stats/stats.hpp"
#include "configserver/store/store.hpp"
#include "configserver/store/writer.hpp"

namespace matriz::dispatch {

/// What stands behind the HTTP server: sorts messages by what they are and who sent them, and owns the state they
/// change.
class Hub final : public http::Server::Service {
  public:
    /// Takes over the store. Throws Error when what it holds makes no sense.
    Hub(net::Reactor& reactor, store::Store& store);

    /// The keys of the config and those made at run time; configure() puts them into use.
    auth::Keyring keys_of(const settings::Settings& settings) const;
    /// Takes keys, rooms and policy from the config, at start and on each reload. Whoever's key is gone, or whose room
    /// is closed to it now, is let go.
    void configure(const settings::Settings& settings, auth::Keyring keys);
    /// Where connections come from; call once, when the server listens.
    void attach(http::Server& server);
    /// The server stops: nobody is told anything any more. What was taken to be written is written still.
    void take_leave() { sessions_.clear(); }
    /// What nodes are told from now on; 0: no STUN here.
    void set_stun_port(std::uint16_t port) noexcept { registrar_.set_stun_port(port); }
    /// Who is where, for hooks.
    std::vector<hooks::RoomView> view() const;
    void on_change(std::function<void()> changed);
    Metrics& metrics() noexcept { return metrics_; }

    void on_http(const http::Request& request, std::string_view body, const http::Connection& connection,
                 Reply reply) override;
    void on_open(http::Connection& connection) override;
    void on_message(http::Connection& connection, std::string_view text) override;
    void on_drained(http::Connection& connection) override;
    void on_gone(http::Connection& connection, std::string_view why) override;

  private:
    void take(Session& session, protocol::Register&& message);
    void take(Session& session, protocol::Deregister&& message);
    void take(Session& session, protocol::Refresh&& message);
    void take(Session& session, protocol::Broadcast&& message);
    void take(Session& session, protocol::Signal&& message);
    void take(Session& session, protocol::Report&& message);
    void take(Session& session, protocol::SetRoutes&& message);
    bool may_signal(Session& session) const;
    /// Passes something on to `session`'s room, or a monitor's to all of them: `pass_on(room)` says what it cost. Tells
    /// the sender when it or its room has used up what there is.
    void relay(Session& session, const std::function<std::size_t(const std::string& room)>& pass_on);
    /// Keeps what a stranger says until take_early().
    static void keep(Session& session, std::string_view text);
    void take_early(SessionId id);
    bool may_stay(const Session& session) const;
    void tell_ice_servers() const;
    void dismiss_strangers();
    void describe_metrics(const http::Server& server);

    Sessions sessions_;
    registry::Registry registry_;
    rooms::Rooms rooms_;
    stats::Stats stats_;
    ice::Servers ice_;
    Pusher pusher_;
    net::PortChecker port_checker_;
    auth::Authenticator authenticator_;
    Registrar registrar_;
    net::AddressBuckets changes_{1, 1};  ///< of routes and keys; configure() says how many
    store::Writer writer_;
    Router router_;
    Keymaker keymaker_;
    Metrics metrics_;
    Api api_;
    bool public_status_ = false;
    std::size_t max_signal_ = 0;
    double signals_per_second_ = 0;
    double relayed_per_second_ = 0;  ///< bytes, of each sender
    std::unordered_map<std::string, http::TokenBucket>
        room_relays_;  ///< of rooms in which somebody passed on something
    std::uint64_t signals_ = 0;
    std::uint64_t reports_ = 0;
    log::Logger log_{"dispatch"};
    glib::Source pictures_;
    glib::Source ice_renewal_;
};

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/codec.hpp"
#include "configserver/dispatch/metrics.hpp"
#include "configserver/dispatch/registrar.hpp"
#include "configserver/dispatch/router.hpp"
#include "configserver/http/server.hpp"
#include "configserver/stats/stats.hpp"

namespace matriz::dispatch {

/// The HTTP side: health, metrics, rooms and their status, routes, keys. docs/protocol.md has the table.
class Api {
  public:
    using Reply = http::Server::Service::Reply;
    struct Parts {
        const registry::Registry& registry;
        const rooms::Rooms& rooms;
        Pusher& pusher;
        const stats::Stats& stats;
        auth::Authenticator& authenticator;
        auth::Attempts& attempts;
        Router& router;
        Keymaker& keymaker;
        const Metrics& metrics;
    };
    struct Policy {
        bool public_status = false;
        bool public_metrics = false;
    };

    explicit Api(Parts parts) : parts_(parts) {}
    void configure(const Policy& policy) { policy_ = policy; }
    /// Called when a key is taken away: whoever came in with it must go.
    std::function<void()> on_keys_changed;

    void answer(const http::Request& request, std::string_view body, const http::Connection& connection, Reply reply);

  private:
    /// Whom the caller has proved to be; nothing without a key.
    using Who = std::vector<auth::Identity>;

    http::Response dispatch(const http::Request& request, const std::string& body, const Who& who, bool local);
    http::Response metrics(const Who& who, bool local) const;
    http::Response list_rooms(const http::Request& request, const std::string& body, const Who& who,
                              const std::string& name);
    http::Response room_status(const http::Request& request, const std::string& body, const Who& who,
                               const std::string& room);
    http::Response routes(const http::Request& request, const std::string& body, const Who& who,
                          const std::string& room);
    http::Response make_key(const http::Request& request, const std::string& body, const Who& who,
                            const std::string& name);
    http::Response one_key(const http::Request& request, const std::string& body, const Who& who,
                           const std::string& name);

    Parts parts_;
    Policy policy_;
    log::Logger log_{"api"};
};

}  // namespace matriz::dispatch

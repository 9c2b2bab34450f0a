// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/codec.hpp"
#include "configserver/dispatch/keymaker.hpp"
#include "configserver/dispatch/metrics.hpp"
#include "configserver/dispatch/registrar.hpp"
#include "configserver/dispatch/router.hpp"
#include "configserver/http/server.hpp"
#include "configserver/net/address_buckets.hpp"
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
        net::AddressBuckets& changes;  ///< how many of them an address has left
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
    struct Call {
        http::Request request;
        std::string body;
        net::IpAddress address;
        bool local;
        Who who;
    };

    /// Answers at once, or once the change that was asked for is on the disk.
    void dispatch(const Call& call, const Reply& reply);
    http::Response read(const Call& call) const;
    http::Response metrics(const Call& call) const;
    http::Response list_rooms(const Call& call) const;
    http::Response list_keys() const;
    http::Response room_status(const Call& call, const std::string& room) const;
    http::Response routes(const std::string& room) const;
    /// What a change by this caller would be refused with; counts it.
    std::optional<http::Response> refuse_change(const Call& call);
    http::Response not_stored(const Call& call, const std::string& trouble) const;
    /// PUT and DELETE /rooms/R/routes, POST /keys, DELETE /keys/N: from a monitor, not too many.
    void set_routes(const Call& call, const std::string& room, const Reply& reply);
    void make_key(const Call& call, const Reply& reply);
    void remove_key(const Call& call, const std::string& name, const Reply& reply);

    Parts parts_;
    Policy policy_;
    log::Logger log_{"api"};
};

}  // namespace matriz::dispatch

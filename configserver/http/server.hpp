// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "configserver/http/connection.hpp"
#include "configserver/http/throttle.hpp"
#include "configserver/net/address_buckets.hpp"
#include "configserver/net/listener.hpp"

namespace matriz::http {

/// Accepts connections within the limits, answers HTTP, and hands out websockets. Main thread.
class Server final : private Connection::Owner {
  public:
    /// What stands behind the server.
    class Service {
      public:
        /// Answers now or later, once; an answer to a connection that has ended meanwhile is dropped.
        using Reply = std::function<void(const Response& response)>;
        virtual void on_http(const Request& request, std::string_view body, const Connection& connection,
                             Reply reply) = 0;
        virtual void on_open(Connection& connection) = 0;
        virtual void on_message(Connection& connection, std::string_view text) = 0;
        virtual void on_drained(Connection& connection) = 0;
        /// The websocket ended without the service having closed it.
        virtual void on_gone(Connection& connection, std::string_view why) = 0;

      protected:
        ~Service() = default;
    };
    using MakeStream = std::function<std::unique_ptr<net::Stream>(net::Fd socket)>;

    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t refused = 0;  ///< over a limit
        std::uint64_t http_requests = 0;
        std::uint64_t messages = 0;
        std::uint64_t evicted = 0;  ///< unregistered ones and onlookers that gave way
    };

    /// Throws Error when it cannot listen. `service` must outlive it.
    Server(net::Reactor& reactor, const net::HostPort& where, Limits limits, std::vector<net::Network> trusted_proxies,
           MakeStream make_stream, Service& service);
    ~Server();

    const net::HostPort& bound() const noexcept { return listener_->bound(); }
    /// Takes effect for connections that come from now on; a lower total closes nobody.
    void reconfigure(Limits limits, std::vector<net::Network> trusted_proxies);
    /// The connection said who it is, and keeps its place.
    void registered(Connection& connection);
    /// The connection looks on without having proved anything: it stays until there is no room, then it is among the
    /// first to go. Another one may have to go at once.
    void looks_on(Connection& connection);
    /// No more connections; closes every websocket with `code`, and calls `done` when all are gone or after `limit`.
    void stop(std::uint16_t code, std::string_view reason, std::chrono::milliseconds limit, std::function<void()> done);

    std::size_t connections() const noexcept { return connections_.size(); }
    std::size_t unregistered() const noexcept { return pending_.size(); }
    const Counters& counters() const noexcept { return counters_; }
    const Limits& limits() const noexcept { return *limits_; }

  private:
    void accept(net::Fd socket, const net::IpAddress& from);
    bool count_address(Connection::Bookkeeping& book, const net::IpAddress& address);
    void uncount_address(Connection::Bookkeeping& book);
    void set_accept_rate();
    bool may_accept(const net::IpAddress& from);
    bool trusted(const net::IpAddress& address) const noexcept;
    void warn_of_proxy(const net::IpAddress& address, const char* header);
    bool take_forwarded_address(Connection& connection, const Request& request);
    void join_crowd(Connection& connection, Crowd<Connection>& crowd);
    static void leave_crowd(Connection& connection);
    Connection& show_out(Crowd<Connection>& crowd, const char* why);
    void make_room();
    void open_websocket(Connection& connection, const Request& request);
    void sweep();
    void clean_up();

    bool may_shake_hands() noexcept override;
    void on_request(Connection& connection, Request&& request, std::string&& body) noexcept override;
    void on_message(Connection& connection, std::string_view text) noexcept override;
    void on_drained(Connection& connection) noexcept override;
    void on_gone(Connection& connection, std::string_view why) noexcept override;
    void on_finished(Connection& connection) noexcept override;
    void on_unfinished(Connection& connection) noexcept override;
    void on_doomed(Connection& connection) noexcept override;
    void need_clean_up();

    net::Reactor& reactor_;
    std::shared_ptr<const Limits> limits_;
    std::vector<net::Network> trusted_proxies_;
    MakeStream make_stream_;
    Service& service_;
    log::Logger log_{"http"};
    Throttle throttle_;
    bool warned_of_proxy_ = false;  ///< on this machine
    bool warned_of_distant_proxy_ = false;
    Counters counters_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::unique_ptr<Connection>> finished_;
    std::vector<Connection*> doomed_;
    std::vector<Connection*> unfinished_;
    Crowd<Connection> pending_;    ///< unregistered
    Crowd<Connection> onlookers_;  ///< viewers without a key
    std::unordered_map<net::IpAddress, std::size_t> per_address_;
    net::AddressBuckets accepts_;
    std::uint64_t shakes_turn_ = 0;  ///< the reactor's turn that shakes_left_ counts for
    int shakes_left_ = 0;
    std::optional<net::Listener> listener_;
    Clock::time_point swept_at_ = Clock::now();
    glib::Source sweeper_;
    glib::Source cleaner_;
    glib::Source resumer_;
    glib::Source stop_limit_;
    std::function<void()> stopped_;
};

}  // namespace matriz::http

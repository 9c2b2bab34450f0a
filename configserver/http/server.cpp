// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/server.hpp"

#include <sys/socket.h>

#include <utility>

#include "common/base/error.hpp"
#include "configserver/http/forwarded.hpp"

namespace matriz::http {
namespace {

constexpr auto sweep_interval = std::chrono::milliseconds(500);
constexpr std::string_view websocket_path = "/config";
/// What the kernel holds for one that does not read; more is of no use, the queue is bounded here.
constexpr int send_buffer = 64 * 1024;

Response problem(int status, std::string_view text) {
    return {status, fmt::format("{{\"error\":\"{}\"}}\n", text), "application/json", {}};
}

bool asks_for_websocket(const Request& request) {
    return request.header_has("upgrade", "websocket") && request.header_has("connection", "upgrade");
}

}  // namespace

Server::Server(net::Reactor& reactor, const net::HostPort& where, Limits limits,
               std::vector<net::Network> trusted_proxies, MakeStream make_stream, Service& service)
    : reactor_(reactor),
      limits_(std::make_shared<const Limits>(limits)),
      trusted_proxies_(std::move(trusted_proxies)),
      make_stream_(std::move(make_stream)),
      service_(service) {
    listener_.emplace(reactor_, where,
                      [this](net::Fd socket, const net::IpAddress& from) { accept(std::move(socket), from); });
    sweeper_ = glib::Source::every(sweep_interval, [this] { sweep(); });
}

Server::~Server() = default;

void Server::reconfigure(Limits limits, std::vector<net::Network> trusted_proxies) {
    limits_ = std::make_shared<const Limits>(limits);
    trusted_proxies_ = std::move(trusted_proxies);
}

bool Server::trusted(const net::IpAddress& address) const noexcept { return is_in(trusted_proxies_, address); }

bool Server::count_address(Connection::Bookkeeping& book, const net::IpAddress& address) {
    const net::IpAddress group = address.limit_group();
    std::size_t& count = per_address_[group];
    if (count >= limits_->connections_per_address) {
        ++counters_.refused;
        if (const auto verdict = throttle_.ask(Clock::now()); verdict.speak)
            log_.warning("{} has {} connections, as many as one address may have; refusing more{}", address.to_string(),
                         count, verdict.left_out > 0 ? fmt::format(" ({} such lines left out)", verdict.left_out) : "");
        return false;
    }
    ++count;
    book.counted = true;
    book.counted_as = group;
    return true;
}

void Server::uncount_address(Connection::Bookkeeping& book) {
    if (!std::exchange(book.counted, false)) return;
    const auto found = per_address_.find(book.counted_as);
    if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
}

void Server::accept(net::Fd socket, const net::IpAddress& from) {
    Connection::Bookkeeping book;
    // Many clients come through one proxy: those count by the address it names, once that is known.
    if (!trusted(from) && !count_address(book, from)) return;
    if (connections_.size() >= limits_->connections || pending_.size() >= limits_->unregistered) evict_oldest();
    if (connections_.size() >= limits_->connections) {
        ++counters_.refused;
        uncount_address(book);
        if (throttle_.ask(Clock::now()).speak)
            log_.warning("all {} connections are taken; refusing {}", connections_.size(), from.to_string());
        return;
    }
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    try {
        Connection::Owner& self = *this;
        auto connection =
            std::make_unique<Connection>(reactor_, make_stream_(std::move(socket)), from, limits_, self, Clock::now());
        connection->book = book;
        connection->book.index = connections_.size();
        connection->book.pending = pending_.insert(pending_.end(), connection.get());
        connection->book.is_pending = true;
        connections_.push_back(std::move(connection));
        ++counters_.accepted;
    } catch (const std::exception& error) {
        uncount_address(book);
        log_.error("cannot take a connection from {}: {}", from.to_string(), error.what());
    }
}

void Server::evict_oldest() {
    if (pending_.empty()) return;
    Connection& oldest = *pending_.front();
    ++counters_.evicted;
    if (throttle_.ask(Clock::now()).speak)
        log_.warning("too many connections that have not registered; the oldest, from {}, gives way",
                     oldest.address().to_string());
    pending_.pop_front();
    oldest.book.is_pending = false;
    if (oldest.is_websocket()) service_.on_gone(oldest, "it made room for others");
    oldest.abort();
    clean_up();
}

void Server::registered(Connection& connection) {
    connection.set_registered();
    if (std::exchange(connection.book.is_pending, false)) pending_.erase(connection.book.pending);
}

bool Server::take_forwarded_address(Connection& connection, const Request& request) {
    if (!trusted(connection.socket_address())) return true;
    const std::string list = request.header_list("x-forwarded-for");
    connection.set_address(forwarded_from(connection.socket_address(), list, trusted_proxies_));
    return count_address(connection.book, connection.address());
}

void Server::on_request(Connection& connection, Request&& request, std::string&& body) noexcept {
    try {
        ++counters_.http_requests;
        if (!take_forwarded_address(connection, request))
            return connection.respond(problem(429, "too many connections from this address"));
        if (asks_for_websocket(request)) return open_websocket(connection, request);
        if (request.path == websocket_path) {
            Response response = problem(426, "this is a websocket; connect with ws:// or wss://");
            response.headers.emplace_back("Upgrade", "websocket");
            return connection.respond(response);
        }
        const bool head_only = request.method == "HEAD";
        service_.on_http(request, body, connection,
                         [handle = connection.handle(), head_only](const Response& response) {
                             if (*handle != nullptr) (*handle)->respond(response, head_only);
                         });
    } catch (const std::exception& error) {
        log_.error("{} {}: {}", request.method, request.path, error.what());
        if (connection.is_websocket()) return connection.abort();
        connection.respond(problem(500, "the server failed; its log says why"));
    }
}

void Server::open_websocket(Connection& connection, const Request& request) {
    if (request.path != websocket_path) return connection.respond(problem(404, "the websocket is at /config"));
    if (request.method != "GET") return connection.respond(problem(405, "a websocket begins with GET"));
    if (request.header("sec-websocket-version") != "13") {
        Response response = problem(426, "version 13 is spoken here");
        response.headers.emplace_back("Sec-WebSocket-Version", "13");
        return connection.respond(response);
    }
    const auto accept = websocket_accept(request.header("sec-websocket-key").value_or(""));
    if (!accept || !request.header("host"))
        return connection.respond(problem(400, "Sec-WebSocket-Key or Host is missing or wrong"));
    connection.upgrade(*accept);
    service_.on_open(connection);
}

void Server::on_message(Connection& connection, std::string_view text) noexcept {
    try {
        ++counters_.messages;
        service_.on_message(connection, text);
    } catch (const std::exception& error) {
        log_.error("a message from {}: {}", connection.address().to_string(), error.what());
        connection.abort();
        service_.on_gone(connection, "the server failed on its message");
    }
}

void Server::on_gone(Connection& connection, std::string_view why) noexcept {
    try {
        service_.on_gone(connection, why);
    } catch (const std::exception& error) {
        log_.error("when {} left: {}", connection.address().to_string(), error.what());
    }
}

void Server::on_finished(Connection& connection) noexcept {
    uncount_address(connection.book);
    if (std::exchange(connection.book.is_pending, false)) pending_.erase(connection.book.pending);
    const std::size_t index = connection.book.index;
    finished_.push_back(std::move(connections_[index]));
    if (index + 1 != connections_.size()) {
        connections_[index] = std::move(connections_.back());
        connections_[index]->book.index = index;
    }
    connections_.pop_back();
    need_clean_up();
}

void Server::on_doomed(Connection& connection) noexcept {
    doomed_.push_back(&connection);
    need_clean_up();
}

void Server::need_clean_up() {
    if (!cleaner_.active()) cleaner_ = glib::Source::after(std::chrono::milliseconds(0), [this] { clean_up(); });
}

void Server::clean_up() {
    // Ending one may doom others (their queue overflows with the news), so the list can grow meanwhile.
    for (std::size_t i = 0; i < doomed_.size(); ++i) doomed_[i]->end_if_doomed();
    doomed_.clear();
    finished_.clear();
    if (stopped_ && connections_.empty()) {
        stop_limit_.cancel();
        std::exchange(stopped_, nullptr)();
    }
}

void Server::sweep() {
    const auto now = Clock::now();
    // A paused virtual machine, a starved process: what clients have sent meanwhile waits to be read, and would come
    // too late to save them.
    if (const auto stall = now - swept_at_ - sweep_interval; stall > sweep_interval)
        for (auto& connection : connections_) connection->forgive(stall);
    swept_at_ = now;
    // Backwards: a connection that ends is replaced by the last one, which has had its turn.
    for (std::size_t i = connections_.size(); i-- > 0;)
        if (i < connections_.size()) connections_[i]->tick(now);
}

void Server::stop(std::uint16_t code, std::string_view reason, std::chrono::milliseconds limit,
                  std::function<void()> done) {
    listener_.reset();
    stopped_ = std::move(done);
    for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->close(code, reason);
    stop_limit_ = glib::Source::after(limit, [this] {
        for (auto& connection : connections_) connection->abort();
        clean_up();
    });
    need_clean_up();
}

}  // namespace matriz::http

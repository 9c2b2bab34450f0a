// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/server.hpp"

#include <sys/socket.h>

#include <utility>

#include "common/base/error.hpp"
#include "configserver/http/forwarded.hpp"

namespace matriz::http {
namespace {

constexpr auto sweep_interval = std::chrono::milliseconds(500);
constexpr double accept_burst = 4;  // seconds' worth
constexpr int shakes_a_turn = 8;
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
      service_(service),
      accepts_(0, 0) {
    set_accept_rate();
    listener_.emplace(reactor_, where,
                      [this](net::Fd socket, const net::IpAddress& from) { accept(std::move(socket), from); });
    sweeper_ = glib::Source::every(sweep_interval, [this] { sweep(); });
}

Server::~Server() = default;

void Server::reconfigure(Limits limits, std::vector<net::Network> trusted_proxies) {
    limits_ = std::make_shared<const Limits>(limits);
    trusted_proxies_ = std::move(trusted_proxies);
    warned_of_proxy_ = warned_of_distant_proxy_ = false;
    set_accept_rate();
}

/// All that one address may have can come anew each second: more often, nobody needs it.
void Server::set_accept_rate() {
    const auto rate = static_cast<double>(limits_->connections_per_address);
    accepts_.set(rate, accept_burst * rate);
}

bool Server::may_accept(const net::IpAddress& from) {
    const auto now = Clock::now();
    if (accepts_.left(from, now) >= 1) {
        accepts_.spend(from, now);
        return true;
    }
    ++counters_.refused;
    if (const auto verdict = throttle_.ask(now); verdict.speak)
        log_.warning("{} connects again and again; refusing it for a moment{}", from.to_string(),
                     verdict.left_out > 0 ? fmt::format(" ({} such lines left out)", verdict.left_out) : "");
    return false;
}

bool Server::may_shake_hands() noexcept {
    if (std::exchange(shakes_turn_, reactor_.turns()) != reactor_.turns()) shakes_left_ = shakes_a_turn;
    return shakes_left_-- > 0;
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
    if (!trusted(from) && (!may_accept(from) || !count_address(book, from))) return;
    make_room();
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
        connections_.push_back(std::move(connection));
        join_crowd(*connections_.back(), pending_);
        ++counters_.accepted;
    } catch (const std::exception& error) {
        uncount_address(book);
        log_.error("cannot take a connection from {}: {}", from.to_string(), error.what());
    }
}

void Server::join_crowd(Connection& connection, Crowd<Connection>& crowd) {
    leave_crowd(connection);
    connection.book.place = crowd.add(connection, connection.address());
    connection.book.crowd = &crowd;
}

void Server::leave_crowd(Connection& connection) {
    if (auto* crowd = std::exchange(connection.book.crowd, nullptr)) crowd->remove(connection.book.place);
}

/// The service knows it no longer; its socket is still to be closed.
Connection& Server::show_out(Crowd<Connection>& crowd, const char* why) {
    Connection& first = crowd.first_to_go();
    ++counters_.evicted;
    if (const auto verdict = throttle_.ask(Clock::now()); verdict.speak)
        log_.warning("{}; one from {} gives way{}", why, first.address().to_string(),
                     verdict.left_out > 0 ? fmt::format(" ({} such lines left out)", verdict.left_out) : "");
    leave_crowd(first);
    if (first.is_websocket()) service_.on_gone(first, "it made room for others");
    return first;
}

void Server::make_room() {
    if (pending_.size() >= limits_->unregistered)
        show_out(pending_, "too many connections that have not registered").abort();
    else if (connections_.size() < limits_->connections)
        return;
    else if (!onlookers_.empty())
        show_out(onlookers_, "all connections are taken, some by viewers without a key").abort();
    else if (!pending_.empty())
        show_out(pending_, "all connections are taken, some by those that have not registered").abort();
    clean_up();
}

void Server::registered(Connection& connection) {
    connection.set_registered();
    leave_crowd(connection);
}

void Server::looks_on(Connection& connection) {
    connection.set_registered();
    join_crowd(connection, onlookers_);
    if (onlookers_.size() > limits_->onlookers)
        show_out(onlookers_, "too many viewers without a key")
            .close(close_code::try_again_later, "others want to look on too");
}

void Server::warn_of_proxy(const net::IpAddress& address, const char* header) {
    // Two warnings, so that a stranger who forges the header cannot use up that of a real proxy.
    if (std::exchange(address.is_loopback() ? warned_of_proxy_ : warned_of_distant_proxy_, true)) return;
    log_.warning(
        "{} passes on requests ({}), but is not in trusted_proxies: all that come through it count as one address, and "
        "nodes are told that address for each of them. If it is your proxy, add it to trusted_proxies",
        address.to_string(), header);
}

bool Server::take_forwarded_address(Connection& connection, const Request& request) {
    const char* proxy = nullptr;
    for (const char* header : {"via", "forwarded", "x-forwarded-for"})
        if (!request.header_list(header).empty()) proxy = header;
    if (proxy != nullptr) connection.set_forwarded();
    if (!trusted(connection.socket_address())) {
        if (proxy != nullptr) warn_of_proxy(connection.socket_address(), proxy);
        return true;
    }
    const std::string list = request.header_list("x-forwarded-for");
    connection.set_address(forwarded_from(connection.socket_address(), list, trusted_proxies_));
    if (connection.book.crowd != nullptr) connection.book.crowd->regroup(connection.book.place, connection.address());
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

void Server::on_drained(Connection& connection) noexcept {
    try {
        service_.on_drained(connection);
    } catch (const std::exception& error) {
        log_.error("what was left to tell {}: {}", connection.address().to_string(), error.what());
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
    leave_crowd(connection);
    std::erase(unfinished_, &connection);
    const std::size_t index = connection.book.index;
    finished_.push_back(std::move(connections_[index]));
    if (index + 1 != connections_.size()) {
        connections_[index] = std::move(connections_.back());
        connections_[index]->book.index = index;
    }
    connections_.pop_back();
    need_clean_up();
}

void Server::on_unfinished(Connection& connection) noexcept {
    unfinished_.push_back(&connection);
    if (resumer_.active()) return;
    resumer_ = glib::Source::after(std::chrono::milliseconds(0), [this] {
        resumer_.cancel();
        // None of these is destroyed meanwhile: clean_up() comes later, from a source of its own.
        for (Connection* waiting : std::exchange(unfinished_, {})) waiting->resume();
    });
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

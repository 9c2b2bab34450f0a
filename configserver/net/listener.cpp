// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/listener.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "common/base/error.hpp"

namespace matriz::net {
namespace {

/// A burst of connects (every node after a restart) must not overflow into SYN retransmits of a second and more.
constexpr int backlog = 4096;
constexpr int accepts_a_turn = 32;

struct FreeAddresses {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Fd bind_one(const addrinfo& address, const HostPort& where) {
    Fd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) throw Error("cannot make a socket for {}: {}", where.to_string(), std::strerror(errno));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // "::" takes IPv4 too, unless the host resolved to both kinds and each gets its own socket.
    const int only_six = address.ai_next != nullptr ? 1 : 0;
    if (address.ai_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof only_six);
    if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 || ::listen(fd.get(), backlog) != 0) {
        const int reason = errno;
        if (reason == EADDRINUSE)
            throw Error(
                "cannot listen on {}: another program has this port; stop it, or choose another with 'listen' "
                "in the config or --listen HOST:PORT",
                where.to_string());
        throw Error("cannot listen on {}: {}", where.to_string(), std::strerror(reason));
    }
    return fd;
}

std::uint16_t port_of(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
    return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                               : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

}  // namespace

Listener::Listener(Reactor& reactor, const HostPort& where, Accepted accepted)
    : reactor_(reactor), accepted_(std::move(accepted)), bound_(where) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(where.port);
    if (const int error = getaddrinfo(where.host.c_str(), port.c_str(), &hints, &found); error != 0)
        throw Error("cannot listen on {}: {}", where.to_string(), gai_strerror(error));
    const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        Fd fd = bind_one(*address, where);
        const auto watch = reactor_.add(fd.get(), EPOLLIN, *this);
        sockets_.push_back({std::move(fd), watch});
        if (where.port == 0) {  // the other families would each get another port
            bound_.port = port_of(sockets_.front().fd.get());
            break;
        }
    }
}

Listener::~Listener() {
    for (const Socket& socket : sockets_) reactor_.remove(socket.watch, socket.fd.get());
}

void Listener::on_ready(std::uint32_t) noexcept {
    for (const Socket& socket : sockets_) accept_from(socket.fd.get());
}

void Listener::accept_from(int fd) noexcept {
    for (int i = 0; i < accepts_a_turn; ++i) {
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        Fd socket(accept4(fd, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) rest_a_while();
            if (errno == ECONNABORTED || errno == EINTR) continue;
            return;
        }
        const auto from = IpAddress::from(reinterpret_cast<sockaddr*>(&storage));
        if (!from) continue;
        const int on = 1;
        setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        accepted_(std::move(socket), *from);
    }
}

void Listener::rest_a_while() noexcept {
    log_.error("cannot accept: {}; trying again in 1 s (raise the limit of open files if this goes on)",
               std::strerror(errno));
    // A readable listening socket that cannot be accepted from would spin the loop.
    for (const Socket& socket : sockets_) reactor_.modify(socket.watch, socket.fd.get(), 0);
    resume_ = glib::Source::after(std::chrono::seconds(1), [this] {
        for (const Socket& socket : sockets_) reactor_.modify(socket.watch, socket.fd.get(), EPOLLIN);
    });
}

}  // namespace matriz::net

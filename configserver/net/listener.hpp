// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "configserver/net/address.hpp"
#include "configserver/net/fd.hpp"
#include "configserver/net/reactor.hpp"

namespace matriz::net {

/// Accepts TCP connections. Main thread.
class Listener final : private Reactor::Handler {
  public:
    /// Gets a non-blocking socket and where it comes from.
    using Accepted = std::function<void(Fd socket, const IpAddress& from)>;

    /// Binds every address `where` resolves to. Throws Error with a sentence a user can act on (port taken, no such
    /// address, no permission).
    Listener(Reactor& reactor, const HostPort& where, Accepted accepted);
    ~Listener();

    /// What it is really bound to: differs from `where` when that asked for port 0.
    const HostPort& bound() const noexcept { return bound_; }

  private:
    void on_ready(std::uint32_t events) noexcept override;
    void accept_from(int fd) noexcept;
    void rest_a_while() noexcept;

    struct Socket {
        Fd fd;
        Reactor::Watch watch;
    };
    Reactor& reactor_;
    Accepted accepted_;
    log::Logger log_{"listener"};
    HostPort bound_;
    std::vector<Socket> sockets_;
    glib::Source resume_;
};

}  // namespace matriz::net

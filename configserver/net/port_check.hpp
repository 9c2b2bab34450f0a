// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "configserver/net/address.hpp"
#include "configserver/net/reactor.hpp"

namespace matriz::net {

/// Tries whether a TCP port can be reached, without blocking anyone. Main thread.
class PortChecker {
  public:
    struct Result {
        bool open = false;
        std::string message;  ///< "Port 8554 at 192.0.2.1 is open", or why it is not
    };
    using Done = std::function<void(const Result&)>;
    class Check;
    /// Destroying it abandons the check; `done` is then not called.
    using Ticket = std::shared_ptr<Check>;

    explicit PortChecker(Reactor& reactor) : reactor_(reactor) {}
    /// How long a port may take to answer; for checks that begin from now on.
    void set_limit(std::chrono::milliseconds limit) noexcept { limit_ = limit; }
    /// Calls `done` once, never before returning.
    Ticket start(const IpAddress& address, std::uint16_t port, Done done);

  private:
    Reactor& reactor_;
    std::chrono::milliseconds limit_{5'000};
};

}  // namespace matriz::net

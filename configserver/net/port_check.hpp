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

    PortChecker(Reactor& reactor, std::chrono::milliseconds limit) : reactor_(reactor), limit_(limit) {}
    /// Calls `done` once, never before returning.
    Ticket start(const IpAddress& address, std::uint16_t port, Done done);

  private:
    Reactor& reactor_;
    std::chrono::milliseconds limit_;
};

}  // namespace matriz::net

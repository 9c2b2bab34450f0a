// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "node/ports/gateway.hpp"

namespace matriz::node::ports {

/// Keeps ports of the router open while it lives: finds the router, opens, renews, looks again when the router fails,
/// and closes at the end. Works on a thread of its own.
class Mapper {
  public:
    /// Looks for a router; null when there is none. Called on the worker thread.
    using Find = std::function<std::unique_ptr<Gateway>()>;
    /// Hears of each new report, on the worker thread.
    using OnReport = std::function<void(const Report&)>;

    struct Times {
        std::chrono::seconds lease{3600};
        std::chrono::milliseconds renew = std::chrono::minutes(20);      ///< also notices a router that was restarted
        std::chrono::milliseconds look_again = std::chrono::minutes(2);  ///< where there was no router
        std::chrono::milliseconds farewell = std::chrono::seconds(3);    ///< for closing; leases end what is left
    };

    Mapper(std::vector<Mapping> wanted, Find find, OnReport on_report, Times times);
    Mapper(const Mapper&) = delete;
    Mapper& operator=(const Mapper&) = delete;
    /// Closes what it opened. May wait for the router's last answer and `farewell`.
    ~Mapper();

    /// The latest report. Any thread but the audio thread.
    Report report() const;

  private:
    void work() noexcept;
    Report open_all();
    void close_all();
    void publish(const Report& report);
    /// True when it is time to end.
    bool rest(std::chrono::milliseconds time);
    bool ending() const;

    const std::vector<Mapping> wanted_;
    const Find find_;
    const OnReport on_report_;
    const Times times_;
    const log::Logger log_{"ports"};

    std::unique_ptr<Gateway> gateway_;  ///< worker only
    std::vector<Mapping> opened_;       ///< worker only; what the router holds for us

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool ending_ = false;  ///< under mutex_
    Report report_;        ///< under mutex_
    std::thread worker_;   ///< last: starts when all else is there
};

/// By NAT-PMP, else by UPnP on `interface`.
Mapper::Find router_on(const std::string& interface);

}  // namespace matriz::node::ports

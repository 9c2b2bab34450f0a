// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "node/ports/gateway.hpp"

namespace matriz::node::ports {

/// Keeps ports of the router open while it lives: finds the router, opens, renews, looks again when the router fails,
/// and closes at the end all that a router may still hold, whatever came of the latest renewal: where there are only
/// mappings without an end, what is left behind stays for ever. Works on a thread of its own.
class Mapper {
  public:
    /// Looks for a router; null when there is none. Called on a thread of its own, which nobody waits for at the end:
    /// it must own what it uses.
    using Find = std::function<std::unique_ptr<Gateway>()>;
    /// Hears of each new report, on the worker thread.
    using OnReport = std::function<void(const Report&)>;

    struct Times {
        std::chrono::seconds lease{3600};
        std::chrono::milliseconds renew = std::chrono::minutes(20);      ///< also notices a router that was restarted
        std::chrono::milliseconds look_again = std::chrono::minutes(2);  ///< where there was no router
        /// For closing: a slow router takes 0.1 s and more for each of some hundred ports. TimeoutStopSec of
        /// matriz.service leaves room for it. Leases end what is left.
        std::chrono::milliseconds farewell = std::chrono::seconds(15);
    };

    Mapper(std::vector<Mapping> wanted, Find find, OnReport on_report, Times times);
    Mapper(const Mapper&) = delete;
    Mapper& operator=(const Mapper&) = delete;
    /// leave(), then waits for it: for the router's last answer and up to `farewell`, never for the search for one.
    ~Mapper();

    /// Begins to close what it opened, and returns at once. Any thread but the audio thread.
    void leave();

    /// This machine's addresses have changed: looks for the router again, and opens at once what now has to lead
    /// elsewhere. Any thread but the audio thread.
    void addresses_changed();

    /// The latest report. Any thread but the audio thread.
    Report report() const;

  private:
    /// What one router may hold for this node.
    struct Router {
        std::unique_ptr<Gateway> gateway;
        std::set<Mapping> held;
    };
    /// What the worker shares with a search that may outlast the mapper.
    struct Shared {
        std::mutex mutex;
        std::condition_variable wake;
        // All below: under mutex.
        bool ending = false;
        bool moved = false;  ///< addresses have changed
        bool searching = false;
        std::unique_ptr<Gateway> found;
        std::exception_ptr failure;
        Report report;
    };

    void work() noexcept;
    std::unique_ptr<Gateway> search();
    static void take(const std::shared_ptr<Shared>& shared, const Find& find) noexcept;
    void meet(std::unique_ptr<Gateway> gateway);
    Report open_all(Router& router);
    void close_all() noexcept;
    void publish(const Report& report);
    /// True when it is time to end; early when addresses change.
    bool rest(std::chrono::milliseconds time);
    bool ending() const;

    const std::vector<Mapping> wanted_;
    const Find find_;
    const OnReport on_report_;
    const Times times_;
    const log::Logger log_{"ports"};

    std::vector<Router> routers_;  ///< worker only; all that were met, the latest last
    bool has_router_ = false;      ///< worker only; does the latest one still open ports?

    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    std::thread worker_;  ///< last: starts when all else is there
};

/// By NAT-PMP, else by UPnP on `interface`.
Mapper::Find router_on(const std::string& interface);

}  // namespace matriz::node::ports

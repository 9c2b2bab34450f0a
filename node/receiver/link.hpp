// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/control/backoff.hpp"
#include "node/gst/ref.hpp"
#include "node/gst/worker.hpp"
#include "node/receiver/config.hpp"
#include "node/receiver/status.hpp"

namespace matriz::receiver {

class Connection;

/// Keeps the connection to one peer: begins it, watches it, and begins another one after a while when it fails. Its
/// state changes run on a thread of its own, because each may wait for the network.
///
/// Destroying waits until the connection is closed: let a Reaper do it, after stop().
class Link {
  public:
    explicit Link(ReceiverConfig config);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    /// Begins to close; returns at once. Nothing is tried again.
    void stop();
    /// Any thread but the audio thread.
    ReceiverStatus status() const;

    static constexpr std::chrono::seconds silence_limit{2};   ///< without a packet, while playing
    static constexpr std::chrono::seconds connect_limit{10};  ///< from the first step to the first packet
    static constexpr std::chrono::seconds steady{3};          ///< playing as long as this ends the backoff

  private:
    using Clock = ReceiverStatus::Clock;

    void connect() noexcept;
    void watch() noexcept;
    void begin_playing();
    void fail(const std::string& reason) noexcept;
    std::string why(const std::string& error) const;
    void on_bus(GstMessage* message) noexcept;
    void enter(State state, std::string reason);

    const ReceiverConfig config_;
    const log::Logger log_;

    // Only the worker's thread.
    std::unique_ptr<Connection> connection_;
    control::Backoff backoff_;
    glib::Source retry_;
    glib::Source watchdog_;
    bool stopped_ = false;
    std::uint64_t packets_seen_ = 0;
    Clock::time_point last_packet_{};
    std::string said_;  ///< the failure that was last logged: said once, until it plays again

    mutable std::mutex mutex_;  ///< guards the two below
    ReceiverStatus status_;
    gst::Ref<GstElement> sink_;  ///< of the connection, for its metrics

    gst::Worker worker_{"matriz-receive"};
};

}  // namespace matriz::receiver

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "node/webrtc/mailbox.hpp"
#include "node/webrtc/ping.hpp"

namespace matriz::webrtc {

/// The pings over one data channel. Made, used and destroyed on the thread that iterates `context`.
class PingChannel {
  public:
    using Clock = std::chrono::steady_clock;

    /// `channel`: a GstWebRTCDataChannel. `capture`: what our pings say of our capture's latency.
    PingChannel(GObject* channel, GMainContext* context, std::function<std::chrono::microseconds()> capture);
    PingChannel(const PingChannel&) = delete;
    PingChannel& operator=(const PingChannel&) = delete;
    ~PingChannel();

    /// Takes and sends pings from now on.
    void begin();
    /// When the last one came; nothing before the first.
    std::optional<Clock::time_point> last_heard() const noexcept { return last_heard_; }
    std::optional<PingClock::Estimate> estimate() const { return clock_.estimate(); }
    std::chrono::microseconds peer_capture() const noexcept {
        return std::chrono::microseconds{clock_.peer_capture_us()};
    }

    static constexpr std::chrono::milliseconds interval{500};
    static constexpr int most_a_second = 20;  ///< messages; more are a flood, and dropped

  private:
    void take(const PingBytes& bytes, Clock::time_point at);
    void send();

    static void on_open(GObject* channel, gpointer held) noexcept;

    glib::Ref<GObject> channel_;
    std::function<std::chrono::microseconds()> capture_;
    PingClock clock_;
    bool begun_ = false;
    std::optional<Clock::time_point> last_heard_;
    Clock::time_point last_sent_{};
    GMainContext* context_;
    glib::Source timer_;
    Mailbox<PingChannel> mailbox_;
};

}  // namespace matriz::webrtc

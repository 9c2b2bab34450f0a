// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/gst/ref.hpp"
#include "node/webrtc/sdp.hpp"

/// What a peer may send, so that one that sends more costs the others nothing: what it sends is decrypted and sorted by
/// a thread of real-time priority.
namespace matriz::webrtc {

/// A second's packets, and some at once after a silence. Pure; one thread.
class PacketAllowance {
  public:
    using Clock = std::chrono::steady_clock;

    /// One packet came. False: it is one too many. `a_second`: how many there may be, more than 0.
    bool take(Clock::time_point now, double a_second) noexcept;
    /// Since when there were too many, without a pause in between; nothing: there are not.
    std::optional<Clock::time_point> flooding_since() const noexcept { return since_; }

    static constexpr double least_burst = 500;

  private:
    std::optional<Clock::time_point> last_;
    double left_ = 0;
    std::optional<Clock::time_point> since_;
};

/// Packets a second that somebody who sends `incoming` may need, whatever his JACK's period; nothing: he sends no
/// sound. Any thread.
int most_packets(const std::optional<Format>& incoming);

/// How a guard says that the connection must end: returns false when it could not be told, and is then asked again. On
/// any thread.
using Complaint = std::function<bool(const std::string& reason)>;

/// Drops what `nicesrc` (of libnice) receives beyond `allowed` packets a second, and complains after three seconds of
/// it. Before the element runs; any thread.
void guard_packets(GstElement* nicesrc, std::shared_ptr<const std::atomic<int>> allowed, Complaint complaint);
/// Lets `sctpdec` take one stream: each costs a thread, and is opened by whoever has come through DTLS, with whatever
/// certificate. Drops everything at the second, and complains. Before the element runs; any thread.
void guard_channels(GstElement* sctpdec, Complaint complaint);

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>

namespace matriz::webrtc {

/// When a connection from which nothing comes is worth another one beside it, long before it is taken for dead: the way
/// may have become another one, of which a connection learns nothing. Counts looks, not time: while this machine stood
/// still nothing was to be heard. Pure; one thread.
class Quiet {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// One look. `came`: something has come since the last; `last_packet`: when its sound last did. True: now.
    bool look(Time now, bool came, Time last_packet);
    /// Another connection is in use.
    void begin() noexcept { looks_ = 0; }

    static constexpr std::chrono::milliseconds interval{100};  ///< from look to look
    static constexpr unsigned limit = 10;                      ///< looks, where its sound came until then
    static constexpr unsigned limit_of_pings = 20;             ///< where only pings did: some may be lost
    static constexpr std::chrono::seconds pause{10};           ///< a way that comes and goes is not worth more

  private:
    unsigned looks_ = 0;
    Time last_{};
};

}  // namespace matriz::webrtc

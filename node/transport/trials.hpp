// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>

namespace matriz::transport {

/// When WebRTC is tried beside an RTSP that took over from it, and what comes of it. RTSP goes on meanwhile: whoever
/// hears the other well would never try again otherwise, though the other may hear nothing. Pure; one thread.
class Trials {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// How a trial is doing.
    struct Webrtc {
        bool connected = false;  ///< verified, and alive
        bool playing = false;    ///< and heard, where there is something to hear
        bool ever_connected = false;
        bool refused = false;
    };
    enum class Step {
        none,
        begin,
        end,            ///< it failed; RTSP has noticed nothing
        end_and_renew,  ///< it failed when it had the JACK ports already: RTSP must take them back
        turn,           ///< WebRTC takes over
    };

    /// `rtsp_tls`: RTSP proves who the peer is.
    explicit Trials(bool rtsp_tls) : rtsp_tls_(rtsp_tls) {}

    /// RTSP has taken over.
    void start(Time now);
    /// The peer calls, or the network has changed: do not wait for the next one's time.
    void hasten() noexcept { hastened_ = true; }
    /// A trial has begun.
    void begun(Time now);
    /// What to do, twice a second; `trial`: null while there is none. After an end the next one's time is set.
    Step update(Time now, bool rtsp_plays, const Webrtc* trial);

    static constexpr std::chrono::seconds length{15};  ///< of a trial without a connection
    static constexpr std::chrono::seconds pause{30};   ///< from one to the next, while RTSP plays
    static constexpr std::chrono::seconds pause_in_silence{2};
    static constexpr std::chrono::seconds rtsp_patience{10};  ///< for RTSP to play, before its silence counts

  private:
    Step ended(Time now, Step step);

    const bool rtsp_tls_;
    Time started_{};
    Time begun_{};
    Time ended_{};
    bool hastened_ = false;
};

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "plugins/dsp/playout/playout.hpp"
#include "plugins/gst/rtp_caps.hpp"
#include "plugins/jack/client.hpp"

namespace matriz::plugin {

/// What `matrizjacksink` does, without GObject: keeps a playout for the stream behind the ports of one peer, and makes
/// it anew when the stream's format or JACK's rate changes. All members may be called from any thread but the audio
/// thread; start(), stop() and set_stream() wait as long as JACK hangs.
class JackPlayer {
  public:
    struct Settings {
        std::string client_name = "matriz";
        std::string server_name;  ///< empty: $JACK_DEFAULT_SERVER or "default"
        std::string port_prefix = "in";
        int channels = 2;
        std::chrono::microseconds min_delay{0};
        std::chrono::microseconds max_delay{200'000};
        int red_payload_type = -1;
        dsp::CodecId red_codec = dsp::CodecId::opus;
    };

    ~JackPlayer() { stop(); }

    Settings settings() const;
    /// Delay bounds count at once, the rest from the next start().
    void configure(const Settings& settings);

    /// Finds the client and makes the ports. Returns why there will be no sound yet (JACK is not there), or nothing.
    /// Throws Error when the ports cannot be made.
    std::string start();
    /// Sound ends; the ports stay.
    void stop();

    /// Throws Error when the stream cannot be played.
    void set_stream(const RtpStream& stream);
    void push(std::span<const std::uint8_t> packet, std::chrono::nanoseconds arrival) noexcept;
    /// All zero before the first stream; counts start again with each.
    dsp::PlayoutMetrics metrics() const;

  private:
    void renew();
    void replace(std::unique_ptr<dsp::Playout> playout);

    std::mutex
        setup_mutex_;  ///< guards client_ and stream_; held across calls of the client's, which may wait for JACK
    std::shared_ptr<jack::Client> client_;
    std::optional<RtpStream> stream_;

    mutable std::mutex mutex_;  ///< guards the two below; taken after setup_mutex_, never held across a wait
    Settings settings_;
    std::unique_ptr<dsp::Playout> playout_;  ///< changed with both held; the audio thread knows it through the client

    jack::Client::Subscription subscription_;
};

}  // namespace matriz::plugin

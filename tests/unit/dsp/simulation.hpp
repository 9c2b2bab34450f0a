// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "plugins/dsp/playout/playout.hpp"

namespace matriz::dsp::test {

/// A sender, a network and a sound card in simulated time: seeded, so each run is the same. The sender plays a sine as
/// PCM; every clock starts at 0 and runs as fast as it is told.
class Simulation {
  public:
    struct Setup {
        StreamFormat format{CodecId::pcm16, SampleRate{48000}, 1, Frames{0}, {}};
        PlayoutConfig playout{.output_rate = SampleRate{48000}, .output_channels = 1};
        int packet_frames = 64;
        int period = 64;
        int capture_period = 0;  ///< frames; packets leave at the end of such a period (0: as soon as they are full)
        double sender_ppm = 0;
        double card_ppm = 0;
        double link = 0.010;  ///< seconds every packet takes
        std::uint32_t seed = 1;
        SeqNo first_seq{1000};
        RtpTime first_time{5000};
        std::uint32_t ssrc = 0x1234;
        double phase = 0.0003;  ///< seconds by which the card's periods are off the sender's
        int redundancy = 0;     ///< copies of this many packets before ride along
        double tone = 437;      ///< Hz; 0: silence
    };

    explicit Simulation(Setup setup);

    /// Extra seconds a packet takes; negative: it is lost. Called once a packet, in the order of sending.
    std::function<double()> network = [] { return 0.0; };
    /// Called with each packet as sent; may change it.
    std::function<void(std::vector<std::uint8_t>&)> tamper;
    /// Called after each period of output.
    std::function<void(const float*, int)> listen;

    /// Lets `seconds` pass.
    void run(double seconds);

    /// The sender falls silent (sends nothing), or goes on: its clock never stops.
    void send(bool on) { sending_ = on; }
    /// The sender begins anew: other numbers, optionally another SSRC.
    void restart_sender(SeqNo seq, RtpTime time, std::uint32_t ssrc);
    /// Hands the playout a packet of our own making, now.
    void inject(const std::vector<std::uint8_t>& packet);
    /// The sender's card loses `seconds`; its packets' times do not tell.
    void stall_sender(double seconds) {
        sender_behind_ += seconds;
        next_packet_ += seconds;
    }
    /// The card stands still for `seconds`.
    void stall_card(double seconds) { next_period_ += seconds; }
    /// For `seconds`, something else has the processor: callbacks come `by` seconds after their periods begin.
    void hold_up_callbacks(double by, double seconds) {
        held_up_by_ = by;
        held_up_until_ = now_ + seconds;
    }
    /// The card tells, as JACK does, that it has lost nothing since the period before; otherwise it tells nothing.
    bool card_reports = false;

    std::mt19937& random() { return random_; }
    double now() const { return now_; }
    Playout& playout() { return playout_; }
    PlayoutMetrics metrics() const { return playout_.metrics(); }

    /// Samples that do not continue the sine, and so could be heard as a click, since the last call.
    int clicks();
    /// Peak of the output since the last call.
    float peak();
    std::uint64_t sent() const { return sent_; }

    static double exponential(std::mt19937& random, double mean) {
        return std::exponential_distribution<double>(1 / mean)(random);
    }

  private:
    struct Flying {
        double arrival;
        std::uint64_t order;
        std::vector<std::uint8_t> bytes;
        bool operator>(const Flying& other) const {
            return arrival != other.arrival ? arrival > other.arrival : order > other.order;
        }
    };

    void send_packet();
    std::vector<std::uint8_t> payload(std::int64_t first_frame) const;
    void render();
    double next_callback() const {
        return std::max(now_, next_period_ + (next_period_ < held_up_until_ ? held_up_by_ : 0));
    }
    static std::chrono::nanoseconds clock(double seconds) {
        return std::chrono::nanoseconds(static_cast<std::int64_t>((seconds + 1000) * 1e9));
    }

    Setup setup_;
    Playout playout_;
    std::mt19937 random_;
    std::priority_queue<Flying, std::vector<Flying>, std::greater<>> air_;
    std::vector<std::vector<float>> buffers_;
    std::vector<float*> outs_;

    double now_ = 0;
    double next_packet_;
    double sender_behind_ = 0;
    double next_period_;
    double held_up_by_ = 0;
    double held_up_until_ = 0;
    bool sending_ = true;
    std::uint64_t sent_ = 0;
    std::int64_t frame_ = 0;  ///< of the sender, since the start
    std::int64_t frame_origin_ = 0;
    SeqNo seq_;
    std::deque<std::pair<RtpTime, std::vector<std::uint8_t>>> past_;

    double before_[2] = {0, 0};
    int clicks_ = 0;
    float peak_ = 0;
};

}  // namespace matriz::dsp::test

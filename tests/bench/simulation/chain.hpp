// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "plugins/dsp/capture/capture_clock.hpp"
#include "plugins/dsp/playout/playout.hpp"
#include "plugins/dsp/rtp/packetizer.hpp"
#include "tests/bench/netlab/impairment.hpp"
#include "tests/probes/analyser.hpp"

namespace matriz::bench {

/// The whole way of the sound from JACK port to JACK port in simulated time: the probe's signal, our encoder and RED,
/// netlab's link, our playout, the probe's judgement. Both ends run on one JACK clock, as in the benchmark. Seeded:
/// each run is the same, however busy the machine is. One thread.
class Chain {
  public:
    struct Setup {
        probe::Background signal = probe::Background::tone;
        dsp::CodecId codec = dsp::CodecId::pcm16;
        int bitrate = 0;
        int expected_loss = 2;
        int redundancy = 0;
        int distance = 1;
        int period = 64;
        netlab::Conditions link;
        double sender_delay = 0.00025;   ///< seconds from the JACK cycle to the socket
        double sender_jitter = 0.00003;  ///< mean of what varies of that (exponential)
        double wake_jitter = 0.00002;    ///< mean lateness of the receiver's callback
        double stall_every = 0;          ///< mean seconds between two stalls of the sending threads; 0: none
        double stall_length = 0.003;     ///< mean seconds of one (exponential)
        /// Whose card loses sound now and then; both: they are one card, and the probe runs on it too.
        enum class Xruns { none, sender, receiver, both } xruns = Xruns::none;
        double xrun_every = 5;       ///< mean seconds between two of them
        double xrun_length = 0.002;  ///< mean seconds that are lost in one (exponential)
        /// Whether the sender's packets say by their times how much was lost: not, at once, or as a node finds it out.
        enum class Told { no, at_once, found } xruns_told = Told::no;
        double cycle_jitter = 0.00002;  ///< mean lateness of the sender's card's periods
        double phase = 0;               ///< seconds by which the receiver's cycle lies after the sender's
        std::uint32_t seed = 1;
        dsp::PlayoutConfig playout{};
    };

    explicit Chain(const Setup& setup);

    /// Lets `seconds` pass. What is heard within 0.25 s of an xrun is not judged.
    void run(double seconds);
    /// The same while nobody listens, which is cheaper.
    void run_unheard(double seconds);
    /// Another link from now on.
    void change_link(const netlab::Conditions& link) { link_.change(link); }

    probe::Heard heard() { return analyser_.take(); }
    dsp::PlayoutMetrics metrics() const { return playout_.metrics(); }

  private:
    struct Flying {
        double arrival;
        std::uint64_t order;
        std::vector<std::uint8_t> bytes;
        bool operator>(const Flying& other) const {
            return arrival != other.arrival ? arrival > other.arrival : order > other.order;
        }
    };

    void capture();
    void play();
    void stumble();
    std::int64_t lost_before(double at);
    double sent_after(double at);
    double exponential(double mean) { return mean > 0 ? std::exponential_distribution<double>(1 / mean)(random_) : 0; }

    const Setup setup_;
    const probe::Loop loop_;
    probe::Correlator correlator_;
    probe::Analyser analyser_;
    dsp::StreamFormat format_;
    dsp::Packetizer packetizer_;
    dsp::CaptureClock capture_clock_;
    dsp::CaptureLook look_;
    netlab::Impairment link_;
    dsp::Playout playout_;
    std::mt19937 random_;
    std::priority_queue<Flying, std::vector<Flying>, std::greater<>> air_;
    // Frames of true time: when the two cards' next periods begin.
    std::int64_t next_capture_ = 0;
    std::int64_t next_play_ = 0;
    std::int64_t next_xrun_ = -1;
    std::int64_t end_ = 0;
    std::int64_t lost_for_probe_ = 0;  ///< frames of true time that the probe's own card lost
    std::int64_t lost_to_sender_ = 0;  ///< frames lost that the packets' times do not know of yet
    bool heard_ = true;
    std::uint16_t seq_ = 7;
    std::uint64_t order_ = 0;
    double last_sent_ = 0;
    double stalled_until_ = 0;
    double next_stall_ = 0;
    std::vector<std::vector<float>> out_;
};

}  // namespace matriz::bench

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/probes/correlator.hpp"
#include "tests/probes/glitch.hpp"
#include "tests/probes/signal.hpp"

namespace matriz::probe {

/// What one receiving port heard in an interval.
struct Heard {
    bool present = false;                  ///< the sender's chirp was heard within the last two chirp periods
    std::optional<double> latency_ms;      ///< median of the last few chirps, see analyser.cpp
    std::optional<double> latency_min_ms;  ///< of the chirps of this interval
    std::optional<double> latency_max_ms;
    int chirps = 0;   ///< heard in this interval
    double peak = 0;  ///< of this interval, 1 = full scale
    double rms = 0;
    GlitchCount glitches;  ///< zero seconds when the signal leaves nothing to judge
};

/// Everything measured on one receiving port: feed it what the port received, with JACK frame times. One thread.
class Analyser {
  public:
    /// `loop` and `correlator` belong to the sender; both must outlive this.
    Analyser(const Loop& loop, Correlator& correlator);

    /// `samples` arrived at frame time `frame`. Time only goes forward; what is missing in between counts as silence.
    void push(std::int64_t frame, std::span<const float> samples);
    /// JACK itself lost sound at about frame time `frame`: what is heard around it is nobody else's doing and not
    /// judged.
    void disturbed(std::int64_t frame);
    /// The figures since the last take().
    Heard take();

  private:
    void append(std::span<const float> samples);
    void analyse_period();
    void judge_until(std::int64_t end);
    void judge(std::int64_t first, std::int64_t end);
    std::span<const float> history(std::int64_t first, std::int64_t frames) const noexcept;

    const Loop& loop_;
    Correlator& correlator_;
    std::unique_ptr<GlitchDetector> detector_;
    std::vector<float> history_;  // received, the first at history_start_
    std::int64_t history_start_ = -1;
    std::int64_t next_chirp_ = 0;  // frame time when the chirp to look for next was sent
    std::int64_t judged_until_ = 0;
    std::deque<std::int64_t> disturbed_;  // frame times, those from judged_until_ on
    std::deque<double> recent_;           // delays of the last chirps, frames
    std::vector<double> interval_;        // delays in this interval
    double delay_ = -1;
    int missed_ = 0;
    float peak_ = 0;
    double energy_ = 0;
    std::int64_t frames_ = 0;
};

}  // namespace matriz::probe

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/emitter/listeners.hpp"
#include "plugins/dsp/rtp/redundancy.hpp"

namespace matriz::emitter {

/// Chooses the redundancy that the shared RED packets carry from what their listeners report: enough for the worst of
/// them. Pure; one thread.
class LossWatch {
  public:
    using Clock = Listeners::Clock;

    /// `packets_per_second` of the stream; `most` blocks at the most.
    LossWatch(double packets_per_second, int most) : packets_per_second_(packets_per_second), most_(most) {}

    dsp::Redundancy update(const std::vector<Listener>& listeners, Clock::time_point now);

  private:
    /// Whether losses come in bursts. Reports only count them, but the more they come in bursts, the more do counts
    /// differ from one report to the next: of single losses as Bernoulli's law has it, of bursts of b on average 2 b -
    /// 1 times as much, in variance.
    class Bursts {
      public:
        void add(double lost, double expected) noexcept;
        /// How many are lost in a row on average, once that is known.
        std::optional<double> length() const noexcept;

      private:
        double before_ = 0;   ///< share lost…
        double packets_ = 0;  ///< …of so many packets of the report before
        double excess_ = 0;   ///< sum of the variances found, over that of single losses…
        double weight_ = 0;   ///< …of so many reports, older ones counting less
    };
    struct Watched {
        dsp::RedundancyController controller;
        ReceiverReport last;  ///< what was heard before
        Bursts bursts{};
    };
    double packets_per_second_;
    int most_;
    std::map<std::string, Watched> watched_;  ///< by address and port
};

}  // namespace matriz::emitter

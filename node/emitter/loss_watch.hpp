// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <map>
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
    struct Watched {
        dsp::RedundancyController controller;
        ReceiverReport last;  ///< what was heard before
    };
    double packets_per_second_;
    int most_;
    std::map<std::string, Watched> watched_;  ///< by address and port
};

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/dsp/playout/metrics.hpp"

namespace matriz::receiver {

enum class State {
    connecting,
    playing,
    retrying,  ///< waiting for the next attempt; `reason` says why
};
std::string_view name(State state) noexcept;

/// How a receiver is doing at one moment.
struct ReceiverStatus {
    using Clock = std::chrono::steady_clock;

    State state = State::connecting;
    Clock::time_point since{};  ///< when it came into this state
    std::string reason;         ///< why it does not play, in plain words; the last one while connecting again
    std::string transport;      ///< "udp" or "tcp"; empty before the first packet
    std::string codec;          ///< as the configuration names it ("opus"); empty before
    std::optional<Clock::time_point> first_packet;  ///< the very first, ever
    std::uint64_t attempts = 0;                     ///< connections begun, ever
    dsp::PlayoutMetrics playout;                    ///< of the current connection
};

}  // namespace matriz::receiver

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace matriz::netlab {

using Duration = std::chrono::nanoseconds;
/// Since the start of the network. A plain count: the model never looks at a clock.
using Time = std::chrono::nanoseconds;

enum class JitterKind { none, constant, uniform, exponential, stepped };

/// How delay varies on top of the fixed part.
struct Jitter {
    JitterKind kind = JitterKind::none;
    Duration amount{0};       ///< constant: of every second packet; uniform: greatest; exponential, stepped: mean
    Duration step_amount{0};  ///< stepped: exponential mean in every second step
    Duration step_length{0};
    bool operator==(const Jitter&) const = default;
};

/// What one direction of one link does to packets.
struct Conditions {
    Duration delay{0};
    Jitter jitter;
    double loss = 0;         ///< 0…1
    double burst = 1;        ///< mean length of a burst of losses (Gilbert); 1 = independent losses
    double reorder = 0;      ///< 0…1 of the packets are overtaken
    Duration reorder_by{0};  ///< that much later than they would have come
    double duplicate = 0;    ///< 0…1 of the packets come twice
    std::uint64_t rate = 0;  ///< bit/s, 0 = no limit
    Duration queue{0};       ///< what would wait longer than that for the rate limit is dropped
    bool operator==(const Conditions&) const = default;
};

/// Changes `conditions` by one setting: delay=MS, jitter=none|const:MS|uniform:MS|exp:MS|step:MS:MS:SECONDS,
/// loss=PERCENT[:BURST], reorder=PERCENT:MS, dup=PERCENT, rate=KBIT:QUEUE_MS. Throws Error with what is accepted.
void apply_setting(Conditions& conditions, std::string_view setting);

/// As settings, in the same form.
std::string to_string(const Conditions& conditions);

}  // namespace matriz::netlab

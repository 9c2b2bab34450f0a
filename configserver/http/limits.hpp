// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>

namespace matriz::http {

/// What a stranger may take of this server.
struct Limits {
    std::size_t connections = 10'000;
    std::size_t connections_per_address = 64;
    std::size_t unregistered = 1'000;  ///< connections that have not said who they are; one of them gives way
    std::size_t onlookers = 500;       ///< viewers without a key; one of them gives way
    std::chrono::milliseconds register_time{10'000};  ///< from connecting to having registered or been answered
    std::size_t head_size = std::size_t{8} * 1024;
    std::size_t message_size = std::size_t{64} * 1024;
    double messages_per_second = 100;  ///< control frames count; four times as many may come in a burst
    std::size_t queue_bytes = std::size_t{1024} * 1024;
    std::size_t queue_frames = 256;
    std::chrono::milliseconds ping_interval{5'000};
    std::chrono::milliseconds dead_after{15'000};  ///< nothing heard for so long
};

}  // namespace matriz::http

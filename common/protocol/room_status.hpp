// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/client_info.hpp"
#include "common/protocol/report.hpp"

namespace matriz::protocol {

/// Who hears whom how well: one entry for each pair of which the listener has reported.
struct LinkStatus {
    std::string listener;
    LinkReport report;  ///< `peer` is the source
    std::int64_t age_ms = 0;
};

/// The N×N picture of a room: GET /rooms/R/status, and {"status":{…}} to monitors and viewers that asked for it.
struct RoomStatus {
    std::string room;
    std::string epoch;
    std::uint64_t version = 0;
    std::vector<ClientInfo> clients;
    std::vector<LinkStatus> links;
};

}  // namespace matriz::protocol

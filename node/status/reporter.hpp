// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/protocol/report.hpp"
#include "node/status/snapshot.hpp"

namespace matriz::status {

/// Makes what the server is told of each link from one look at the peers to the next: the loss is that of the time
/// between. Pure; one thread.
class Reporter {
  public:
    protocol::Report next(const std::vector<Peer>& peers);

  private:
    struct Counts {
        std::uint64_t received = 0;
        std::uint64_t missed = 0;  ///< lost or late, before redundancy restored any
    };
    std::map<std::string, Counts> before_;
};

}  // namespace matriz::status

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace matriz::protocol {

/// How one node hears one of its peers, over the last second.
struct LinkReport {
    std::string peer;
    std::optional<double> delay_ms{};    ///< playout delay
    std::optional<double> loss{};        ///< 0…1 of the packets
    std::optional<double> jitter_ms{};   ///< of arrival
    std::optional<double> level_db{};    ///< dBFS of what is heard
    std::optional<double> one_way_ms{};  ///< from the peer's JACK port to the node's
    bool operator==(const LinkReport&) const = default;
};

/// {"report":[{"peer":N,"delay_ms":…,"loss":…,"jitter_ms":…,"level_db":…,"one_way_ms":…}…]}, each second from each
/// node.
struct Report {
    std::vector<LinkReport> links;
    bool operator==(const Report&) const = default;
};

}  // namespace matriz::protocol

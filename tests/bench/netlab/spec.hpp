// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/netlab/conditions.hpp"

namespace matriz::netlab {

/// A network: hosts, and conditions for every direction between two of them.
struct Spec {
    std::vector<std::string> hosts;      ///< host i has the address network.(i+1)
    std::uint32_t network = 0x0a4d0000;  ///< 10.77.0.0/24, host byte order
    std::uint64_t seed = 1;
    std::map<std::pair<std::size_t, std::size_t>, Conditions> links;  ///< (from, to); absent: perfect

    std::size_t host(std::string_view name) const;  ///< throws Error
    std::string address(std::size_t host) const;
};

/// Lines: "hosts A B …", "seed N", "network 10.77.0.0", "link FROM TO SETTING…" (one direction; "*" is every host;
/// later lines add to earlier ones), "both A B SETTING…" (both directions), "#" starts a comment. Throws Error with the
/// line's number.
Spec parse_spec(std::string_view text);

/// A "link …" or "both …" line applied to `spec`: what the live control does. Returns the directions that changed.
std::vector<std::pair<std::size_t, std::size_t>> apply_link(Spec& spec, std::string_view line);

}  // namespace matriz::netlab

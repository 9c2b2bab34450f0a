// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matriz::node::ports {

enum class Protocol { tcp, udp };

/// A port of this machine that the router shall pass on from outside, under the same number: peers are told that
/// number.
struct Mapping {
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    auto operator<=>(const Mapping&) const = default;
};

/// "TCP 8554 and UDP 8600-8700"; "nothing" for none. Pure.
std::string to_text(std::vector<Mapping> mappings);

/// The RTSP port, then the UDP ports from `first` to `last`.
std::vector<Mapping> wanted(std::uint16_t rtsp, std::uint16_t first, std::uint16_t last);

/// How far the router's own address reaches. Pure; anything that is no IPv4 address is `unknown`.
enum class Reach {
    everywhere,
    behind_nat,  ///< private (RFC 1918) or carrier-grade NAT (RFC 6598): another NAT is in front of this router
    unknown,
};
Reach reach_of(std::string_view address) noexcept;

/// Are there peers beyond the router when the config server, or the peer of a direct link, is `host` (an address or a
/// name, without brackets)? Not when that is this machine or in the same network. Pure.
bool leads_outside(std::string_view host);

/// What came of it, for people and for /status.
struct Report {
    enum class State {
        searching,  ///< not known yet
        no_router,  ///< no router answers UPnP or NAT-PMP
        open,       ///< all ports are passed on
        partly,     ///< some are
        refused,    ///< none is
    };
    State state = State::searching;
    std::string router;    ///< "192.168.1.1 (UPnP)"; empty while none is known
    std::string external;  ///< its outer address; empty when it does not tell
    std::vector<Mapping> open;
    std::vector<std::pair<Mapping, std::string>> refused;  ///< with the router's reason

    bool operator==(const Report&) const = default;
    /// One sentence, and what to do about it.
    std::string text() const;
};
std::string_view name(Report::State state) noexcept;

}  // namespace matriz::node::ports

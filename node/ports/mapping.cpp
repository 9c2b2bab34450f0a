// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/ports/mapping.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace matriz::node::ports {
namespace {

/// "8600-8603, 8605" of ascending ports.
std::string ranges(const std::vector<std::uint16_t>& ports) {
    std::string text;
    for (std::size_t i = 0; i < ports.size();) {
        std::size_t last = i;
        while (last + 1 < ports.size() && ports[last + 1] == ports[last] + 1) ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ", ", ports[i]);
        if (last > i) text += fmt::format("-{}", ports[last]);
        i = last + 1;
    }
    return text;
}

}  // namespace

std::string to_text(std::vector<Mapping> mappings) {
    std::sort(mappings.begin(), mappings.end());
    std::string text;
    for (const auto& [protocol, title] : {std::pair{Protocol::tcp, "TCP"}, std::pair{Protocol::udp, "UDP"}}) {
        std::vector<std::uint16_t> ports;
        for (const Mapping& mapping : mappings)
            if (mapping.protocol == protocol) ports.push_back(mapping.port);
        if (!ports.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : " and ", title, ranges(ports));
    }
    return text.empty() ? "nothing" : text;
}

std::vector<Mapping> wanted(std::uint16_t rtsp, std::uint16_t first, std::uint16_t last) {
    std::vector<Mapping> all{{Protocol::tcp, rtsp}};
    for (unsigned port = first; port <= last; ++port) all.push_back({Protocol::udp, static_cast<std::uint16_t>(port)});
    return all;
}

Reach reach_of(std::string_view address) noexcept {
    std::array<char, INET_ADDRSTRLEN> text{};
    in_addr parsed{};
    if (address.empty() || address.size() >= text.size()) return Reach::unknown;
    std::copy(address.begin(), address.end(), text.begin());
    if (inet_pton(AF_INET, text.data(), &parsed) != 1) return Reach::unknown;
    const std::uint32_t ip = ntohl(parsed.s_addr);
    struct Network {
        std::uint32_t base;
        unsigned bits;
    };
    // 10/8, 172.16/12, 192.168/16 (RFC 1918), 100.64/10 (RFC 6598), 169.254/16, 127/8
    constexpr Network inner[] = {{0x0a000000, 8},  {0xac100000, 12}, {0xc0a80000, 16},
                                 {0x64400000, 10}, {0xa9fe0000, 16}, {0x7f000000, 8}};
    if (ip == 0) return Reach::unknown;
    const bool hidden = std::any_of(std::begin(inner), std::end(inner), [ip](const Network& network) {
        return (ip >> (32 - network.bits)) == (network.base >> (32 - network.bits));
    });
    return hidden ? Reach::behind_nat : Reach::everywhere;
}

bool leads_outside(std::string_view host) {
    if (host.empty() || host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local")) return false;
    if (host == "::1" || host.starts_with("fe80:") || host.starts_with("fc") || host.starts_with("fd"))
        return host.find(':') == std::string_view::npos;  // a name may begin like that
    // An address of a carrier's NAT (100.64/10) is no neighbour's.
    return reach_of(host) != Reach::behind_nat || host.starts_with("100.");
}

std::string_view name(Report::State state) noexcept {
    switch (state) {
        case Report::State::searching:
            return "searching";
        case Report::State::no_router:
            return "no router";
        case Report::State::open:
            return "open";
        case Report::State::partly:
            return "partly open";
        case Report::State::refused:
            return "refused";
    }
    return "?";
}

std::string Report::text() const {
    if (state == State::searching) return "looking for a router that opens ports";
    if (state == State::no_router)
        return "no router here opens ports by UPnP or NAT-PMP; if peers outside cannot hear this place, forward the "
               "ports "
               "in the router's own settings";
    std::string told;
    if (!open.empty()) {
        told = fmt::format("the router {} lets peers in on {}", router, to_text(open));
        if (!external.empty()) told += fmt::format(" of {}", external);
    }
    if (!refused.empty()) {
        std::vector<Mapping> closed;
        for (const auto& [mapping, reason] : refused) closed.push_back(mapping);
        told += fmt::format("{} does not open {} ({}); forward them in its settings, or give this node other ports",
                            open.empty() ? "the router " + router : ", but it", to_text(std::move(closed)),
                            refused.front().second);
    }
    if (reach_of(external) == Reach::behind_nat)
        told += fmt::format(
            "; its own address {} is not on the internet either: another NAT is in front of it, which keeps "
            "peers outside out all the same",
            external);
    return told;
}

}  // namespace matriz::node::ports

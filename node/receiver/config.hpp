// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "node/config/config.hpp"
#include "node/identity/identity.hpp"
#include "node/negotiation/ask.hpp"

namespace matriz::receiver {

/// Everything a receiver is told; fixed for its life.
struct ReceiverConfig {
    std::string peer;     ///< its name: JACK ports are named after it
    std::string address;  ///< numeric, or a host name for a direct link
    std::uint16_t port = 8554;
    /// rtsps:// only: as whom to come, and the certificate that the peer must have. Nothing: in the clear.
    struct Tls {
        identity::Identity own;
        std::string fingerprint;
    };
    std::optional<Tls> tls{};
    std::string jack_client = "matriz";
    std::string jack_server;  ///< empty: $JACK_DEFAULT_SERVER or "default"
    int channels = 2;         ///< the least number of JACK ports; a stream with more gets more
    node::PortRange udp_ports;
    std::chrono::duration<double, std::milli> playout_min{0};
    std::chrono::duration<double, std::milli> playout_max{200};
    /// What this node can play at the moment; called before each attempt, on the receiver's thread. Empty: as any RTSP
    /// player.
    std::function<negotiation::Ask()> ask;
};

}  // namespace matriz::receiver

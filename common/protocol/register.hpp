// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/ice_server.hpp"

namespace matriz::protocol {

/// The first message of a connection, from node, monitor or web viewer: {"register":"","name":N,"key":K,"port":P}.
struct Register {
    std::string name;
    std::string key;
    std::uint16_t port = 0;     ///< RTSP port; 0 = none given (monitors and viewers)
    int version = 0;            ///< "matriz": what the sender speaks beyond the original; 0 = an original client
    std::string room{};         ///< the room to enter; empty: the server's default
    bool status = false;        ///< a viewer or monitor wants the picture of all links each second
    std::string fingerprint{};  ///< as in ClientInfo, like the two that follow
    bool rtsp_tls = false;
    bool rtsp_only = false;
    bool operator==(const Register&) const = default;
};

/// The server's answer to a node. The original sends "matriz" never: version 0.
struct Registered {
    std::string name;
    std::string ip;
    std::uint16_t port = 0;
    bool stream = false;
    std::string message;
    int version = 0;
    std::vector<IceServer> ice_servers{};
    std::uint16_t stun_port = 0;  ///< UDP, at the server's own host; 0: it answers none
    bool operator==(const Registered&) const = default;
};

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace matriz::protocol {

/// One entry of a client list: a node and where its stream is.
struct ClientInfo {
    std::string name;
    std::string ip;             ///< IPv4 or IPv6 address, without brackets
    std::uint16_t port = 0;     ///< RTSP
    bool stream = false;        ///< the server could reach ip:port
    int version = 0;            ///< protocol version the node announced; 0 = an original node
    std::string fingerprint{};  ///< of the certificate that proves it is this node (clean_fingerprint); empty: none
    bool rtsp_tls = false;      ///< its stream is rtsps:// with certificates on both sides, and SRTP
    bool rtsp_only = false;     ///< has a certificate, but takes no WebRTC
    bool operator==(const ClientInfo&) const = default;
};

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/emitter/listeners.hpp"
#include "node/receiver/status.hpp"

namespace matriz::webrtc {

/// How a connection over WebRTC is doing at one moment: what any receiver says (`transport` is "webrtc"), and more.
/// `state` is playing, too, when the connection is up and there is nothing to hear on purpose.
struct LinkStatus : receiver::ReceiverStatus {
    bool connected = false;  ///< the certificate is verified, and the other has been heard within 3 s
    bool verified = false;   ///< this connection's certificate is the one that was expected
    bool refused = false;    ///< one of the two does not take the other for whom it says it is; `reason` says which
    bool hopeless = false;   ///< WebRTC has failed for long enough that another transport is worth trying
    std::uint64_t connections = 0;  ///< that were verified, ever
    std::string peer_fingerprint;   ///< of the certificate that the other really used; empty before
    std::string path;               ///< "lan", "direct" (through NAT or the internet), "relay"; empty before
    std::string base_address;       ///< this machine's own, at which the path in use begins
    std::string remote_address;
    std::optional<double> rtt_ms;
    std::optional<double> clock_offset_ms;  ///< the other's monotonic clock minus ours
    /// From its microphone's JACK port to this node's: its frame and codec, the way, our playout's delay.
    std::optional<double> one_way_ms;
    std::string turn_trouble;    ///< why there is no relay although TURN is set up; empty: all is well, or not known
    bool sending = false;        ///< our sound goes to it
    std::string sending_codec;   ///< as the configuration names it
    std::string sending_reason;  ///< why it is not the configured codec; empty when it is
    std::optional<emitter::ReceiverReport> report;  ///< what it says of our stream
};

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "node/config/config.hpp"
#include "node/emitter/jack_timing.hpp"
#include "node/identity/identity.hpp"
#include "plugins/dsp/codec/codec.hpp"

namespace matriz::emitter {

using node::PortRange;
using node::RecordFormat;

/// What is sent, and how it is encoded.
struct StreamConfig {
    int channels = 2;  ///< 1–8
    dsp::CodecId codec = dsp::CodecId::opus;
    std::chrono::microseconds frame{2500};  ///< Opus frame: 2.5, 5, 10 or 20 ms
    int bitrate = 192'000;                  ///< bit/s in all, for codecs that compress
    bool redundant = false;                 ///< a packet shall have room for a copy of another
};

struct RecordConfig {
    bool enabled = false;
    std::string folder = ".";
    RecordFormat format = RecordFormat::wav;
    std::chrono::milliseconds retry{5000};  ///< after a file could not be written
};

/// Everything the emitter is told; fixed for its life.
struct EmitterConfig {
    std::string jack_client = "matriz";  ///< the ports are <jack_client>-send:in_send_1…n
    std::string jack_server;             ///< empty: $JACK_DEFAULT_SERVER or "default"
    StreamConfig stream;
    std::optional<int> redundancy;  ///< copies of earlier packets in each, 0–4; nothing: as the listeners' losses ask
    std::string interface;          ///< network interface to listen on; empty: all addresses
    std::uint16_t port = 8554;      ///< RTSP, TCP; 0: any free one (tests)
    PortRange udp_ports;            ///< the server's side of RTP and RTCP over UDP
    std::vector<std::string> allow;  ///< networks ("192.168.1.0/24", "fd00::/8", single addresses) that may listen
    /// Serve over TLS and SRTP only, as whom, to those whose certificate is in the list. Nothing: in the clear.
    std::optional<identity::Identity> tls{};
    RecordConfig record;
    /// Called before JACK is joined, on a thread that may wait for JACK; throws Error when JACK does not run. A node
    /// has a client of its own besides, which must not leave just when the capture's comes: that can confuse libjack in
    /// a process with two clients (its table of semaphores is the process's, by client number), and one of them then
    /// waits for ever. May be empty.
    std::function<void()> await_jack{};
    /// Periods after which JACK is joined anew as soon as nobody plays: 16 days of 64 frames at 48 kHz (see
    /// CaptureClient::periods).
    std::uint32_t renew_after = 1U << 30;
    /// What is offered has changed, with JACK's rate or period: connections made outside must be made anew. Called on
    /// the capture's thread. May be empty.
    std::function<void()> on_new_offer{};
};

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// How a node is doing at one moment, as /status, /metrics and matrizctl show it. Plain values, filled by the app; what
/// is not known is left out. Levels are peaks in dBFS.
namespace matriz::status {

using Seconds = std::chrono::duration<double>;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Jack {
    std::string state{};                    ///< "running", "hangs", "waiting for it", …
    std::string server{};                   ///< its name
    std::optional<std::uint32_t> rate{};    ///< Hz
    std::optional<std::uint32_t> period{};  ///< frames
    std::optional<std::uint64_t> xruns{};
};

struct Server {
    std::string url{};  ///< empty: there is none
    std::string state{};
    Seconds since{};                  ///< time in this state
    std::string last_error{};         ///< empty: none so far
    std::string own_address{};        ///< at which the server sees this node; empty: not known
    std::optional<bool> reachable{};  ///< this node's stream, tried by the server from where it is
    std::string stun{};               ///< host:port that tells this node how the world sees it; empty: none
};

/// The router in front, when it was asked to open ports.
struct Router {
    std::string state{};    ///< "searching", "no router", "open", "partly open", "refused"
    std::string address{};  ///< its outer one; empty: not known
    std::string text{};     ///< a sentence
};

struct Listener {
    std::string address{};
    std::string transport{};  ///< "udp", "tcp"
    Seconds since{};
};

struct Emitter {
    std::string state{};
    std::vector<std::string> ports{};  ///< JACK ports that are sent
    std::string codec{};
    Milliseconds frame{};
    int bitrate = 0;  ///< bit/s
    std::optional<double> level{};
    std::vector<Listener> listeners{};
    std::string recording{};        ///< the file being written; empty: none
    std::string recording_error{};  ///< why it stopped by itself; empty while all is well
};

struct Peer {
    std::string name{};
    std::string address{};    ///< host:port
    std::string transport{};  ///< "webrtc", "rtsp/udp", "rtsps/tcp", …; empty: none
    std::string why{};        ///< why this transport
    bool encrypted = false;   ///< nobody on the way can listen
    std::string path{};       ///< "lan", "direct" or "relay"; empty: not known
    std::string via{};        ///< the address in use over WebRTC; empty: not known
    std::string state{};      ///< "connecting", "playing", "waiting", …
    std::string reason{};     ///< why it does not play; empty when it does
    std::string codec{};
    std::string sending_codec{};   ///< of this node's sound on its way to it; empty: none over WebRTC
    std::string sending_reason{};  ///< why that is not the configured one; empty when it is
    std::string turn_trouble{};    ///< why there would be no relay if it were needed; empty: nothing known against it
    std::optional<double> level{};
    std::optional<Milliseconds> target{};  ///< playout delay aimed at
    std::optional<Milliseconds> delay{};   ///< playout delay there is
    std::optional<Milliseconds> jitter{};
    std::optional<std::uint64_t> received{};  ///< packets, this and the next four
    std::optional<std::uint64_t> lost{};
    std::optional<std::uint64_t> late{};
    std::optional<std::uint64_t> recovered{};
    std::optional<std::uint64_t> concealed{};
    std::optional<Milliseconds> round_trip{};   ///< of the network
    std::optional<Milliseconds> one_way{};      ///< from its microphone's JACK port to this node's
    std::string fingerprint{};                  ///< of its certificate; empty: not known
    std::optional<double> drift{};              ///< ppm; positive: the peer's clock is the faster one
    Seconds since{};                            ///< time in this state
    std::optional<Milliseconds> first_sound{};  ///< from the client list that named it to its first sound here
};

struct Snapshot {
    std::string name{};
    std::string version{};
    Seconds uptime{};
    Jack jack{};
    Server server{};
    Emitter emitter{};
    std::vector<Peer> peers{};
    std::optional<Router> router{};  ///< nothing: `port_mapping` is off, or not needed here
};

/// The body of /status: one JSON object. Pure.
std::string to_json(const Snapshot& snapshot);

/// The body of /metrics in Prometheus' text format, version 0.0.4. Pure.
std::string to_prometheus(const Snapshot& snapshot);

/// What a level below which nothing is audible is shown as, dBFS. JSON knows no infinity.
inline constexpr double silence = -120;

}  // namespace matriz::status

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "node/config/config.hpp"

/// What the doctor found out, before it judges. Plain values; what could not be found out is left out.
namespace matriz::ctl::doctor {

struct Place {
    std::string path;                        ///< of client.json
    std::optional<node::NodeConfig> config;  ///< nothing: it cannot be used, and `problems` says why
    std::vector<std::string> problems;       ///< errors without `config`, else warnings
    bool readable = true;                    ///< by who runs the doctor
};

struct Card {
    std::string name;
    std::string title;
    bool usb = false;
    int index = -1;
};

/// A running jackd, or a node.
struct Process {
    int pid = 0;
    int realtime_priority = 0;  ///< of its most urgent thread; 0: none is real-time
    std::string user;
    int fifo_priority = 0;  ///< of its most urgent SCHED_FIFO thread, as JACK makes its own; 0: none is
    std::optional<std::uint64_t> lockable{};  ///< bytes of memory that it may lock; nothing: no limit, or not known
};

struct Machine {
    bool has_alsa = false;  ///< /proc/asound is there
    std::vector<Card> cards;
    std::string wanted_card = "auto";  ///< DEVICE of audio.conf
    std::string driver = "alsa";       ///< DRIVER of audio.conf
    std::vector<Process> jackds;
    std::vector<Process> nodes;
    std::vector<std::string> governors;       ///< of each CPU that has one
    std::optional<bool> clock_synchronised;   ///< by the kernel's own word
    std::optional<std::uint64_t> free_bytes;  ///< where recordings go
};

/// A JACK server that the doctor itself could or could not join.
struct JackVisit {
    bool joined = false;
    std::uint32_t rate = 0;    ///< Hz
    std::uint32_t period = 0;  ///< frames
    bool realtime = false;     ///< was it started so? Whether it got the right is another matter.
};

/// A visit to the config server, made only where no node of this place is registered: it would push that out.
struct ServerVisit {
    std::string error;  ///< empty: it answered
    bool key_accepted = false;
    std::string own_name;
    std::string own_address;
    bool reachable = false;   ///< the server could open a connection to this node's RTSP port
    bool port_taken = false;  ///< by another program here, so nothing was listening for the server's attempt
    std::string stun;         ///< HOST:PORT of the STUN server that the node would ask; empty: none
};

/// The STUN server that the node asks, asked from here.
struct Stun {
    std::string server;   ///< HOST:PORT
    std::string seen_at;  ///< the address and port it saw; empty: no answer
};

/// identity.pem, which WebRTC and RTSP over TLS need.
struct IdentityFile {
    std::string path;
    bool exists = true;
    bool readable = true;  ///< by who runs the doctor
    std::string fingerprint;
    std::string error;  ///< what is wrong with a file that can be read
};

struct Certificate {
    std::string whose;  ///< "the config server's", or a path
    std::optional<double> days_left;
    std::string error;
};

/// What the kernel's routes say; nothing was sent for it.
struct PathMtu {
    std::string towards;  ///< a name
    int bytes = 0;
};

/// What came of a packet as large as audio's largest, sent to the STUN server with "don't fragment".
struct BigPacket {
    enum class Result {
        silent,   ///< nobody answered, and nobody on the way refused it
        passed,   ///< it was answered
        refused,  ///< here or on the way: it is too large
    };
    std::string server;  ///< HOST:PORT
    int bytes = 0;       ///< with IP and UDP headers
    Result result = Result::silent;
    int limit = 0;  ///< when refused: what would fit
};

struct Facts {
    Place place;
    Machine machine;
    std::optional<Json::Value> status;  ///< of the running node; nothing: none answers
    std::string status_error;
    std::optional<JackVisit> jack;         ///< without a node
    std::optional<ServerVisit> server;     ///< without a node, with a server in the config
    std::optional<Stun> stun;              ///< nothing: none is known
    std::optional<IdentityFile> identity;  ///< nothing: not needed
    std::vector<Certificate> certificates;
    std::vector<PathMtu> mtus;
    std::optional<BigPacket> big_packet;     ///< nothing: no STUN server that answers
    std::optional<std::uint64_t> new_xruns;  ///< while the doctor watched
};

}  // namespace matriz::ctl::doctor

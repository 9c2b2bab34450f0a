// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/document.hpp"
#include "common/config/schema.hpp"
#include "plugins/dsp/codec/codec.hpp"

namespace matriz::node {

struct PortRange {
    std::uint16_t first = 8600;
    std::uint16_t last = 8700;
    bool operator==(const PortRange&) const = default;
};

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const HostPort&) const = default;
};

/// Which JACK connections a node makes by itself.
struct JackConnect {
    enum class Mode {
        automatic,  ///< physical inputs to the sending ports, receiving ports to physical outputs
        none,
        list,
    };
    struct Patch {
        std::string from;
        std::string to;
        bool operator==(const Patch&) const = default;
    };
    Mode mode = Mode::automatic;
    std::vector<Patch> patches;  ///< for Mode::list; full JACK port names
    bool operator==(const JackConnect&) const = default;
};

/// How the audio goes between two nodes that could use either.
enum class Transport { automatic, webrtc, rtsp };
/// Whose word counts for which certificate a peer has.
enum class Trust {
    server,  ///< the config server's
    pinned,  ///< the first one seen; a change needs a person's consent
};
enum class RtspSecurity { plain, tls };

enum class RecordFormat { wav, flac };

/// client.json. The member initialisers are the documented defaults; node/config/schema.cpp has every key's range and
/// text.
struct NodeConfig {
    std::string key = "key2";
    std::string name;                ///< empty: the machine's host name
    std::optional<std::string> url;  ///< as given; server_url() has the default
    std::string interface;           ///< empty: all addresses
    std::uint16_t port = 8554;
    bool record = false;
    std::string client_pem;
    std::string client_crt;
    std::string ca_crt;
    bool receive = true;
    std::string receive_from_ip;
    std::uint16_t receive_from_port = 8554;

    std::string room;  ///< empty: the server's default
    std::string jack_client = "matriz";
    std::string jack_server;  ///< empty: $JACK_DEFAULT_SERVER or "default"
    JackConnect jack_connect;
    int channels = 2;
    dsp::CodecId codec = dsp::CodecId::opus;
    double frame = 2.5;          ///< ms
    std::optional<int> bitrate;  ///< bit/s in all; nothing: chosen from codec, frame and channels
    PortRange udp_ports;
    bool port_mapping = true;                                       ///< ask the router to open them
    std::optional<HostPort> control = HostPort{"127.0.0.1", 8555};  ///< nothing: off
    std::vector<std::string> allow;
    std::string record_dir = ".";
    RecordFormat record_format = RecordFormat::wav;
    Transport transport = Transport::automatic;
    Trust trust = Trust::server;
    RtspSecurity rtsp_security = RtspSecurity::plain;
    std::string state_dir;  ///< empty: state_folder() decides
    double playout_min_ms = 0;
    double playout_max_ms = 100;
    std::optional<int>
        redundancy;  ///< copies of earlier packets in each packet; nothing: from the loss receivers report

    /// The config server's URL; empty when there is none: with `url` empty, or left out beside `receive_from_ip`.
    std::string server_url() const;
    /// Where this node keeps its identity and those of its peers: `state_dir`, else $STATE_DIRECTORY (systemd),
    /// $XDG_STATE_HOME/matriz, ~/.local/state/matriz. Reads the environment.
    std::string state_folder() const;
    /// The bit rate in force, bit/s.
    int effective_bitrate() const noexcept;
};

/// The table behind parsing, --help-config and docs/configuration.md.
const config::Schema<NodeConfig>& schema();

/// Reads `path`. Throws config::ConfigError with every error; `warnings` gets unknown and ignored keys.
NodeConfig load_config(const std::string& path, config::Problems& warnings);

}  // namespace matriz::node

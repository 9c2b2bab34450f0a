// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/client_info.hpp"
#include "node/mesh/peer.hpp"

namespace matriz::mesh {

/// The part of the config that decides whom to hear.
struct Options {
    bool receive = true;         ///< false: nobody, this node only sends
    bool webrtc = false;         ///< this node can do WebRTC, where sending to someone needs a connection to them
    std::optional<Peer> direct;  ///< heard besides the list and without any server; see direct_peer()
};

/// The name, and so the JACK ports, of the direct link.
inline constexpr std::string_view direct_name = "direct";

/// The peer of `receive_from_ip` and `receive_from_port`. Throws Error when the address is neither an IP address nor a
/// host name, or the port is 0.
Peer direct_peer(std::string_view address, std::uint16_t port);

/// What the server says, and what this node thinks of it.
struct List {
    std::vector<protocol::ClientInfo> clients;      ///< whom to hear
    std::vector<protocol::ClientInfo> listeners{};  ///< who may hear this node, and is not heard
    std::string own_name{};                         ///< what the server calls this node; empty: not known
    std::map<std::string, std::string> refusals{};  ///< by name, why a peer is not to be connected to
};

/// Whom to hear, sorted by name, each name once; and who in the list was passed over, with the reason, for the log.
struct Wanted {
    std::vector<Peer> peers;
    std::vector<std::string> refused;
};

/// What the server's lists and the config ask for. Pure. The lists are a stranger's: an entry without a usable name,
/// address or port is refused, the rest stands. Of two entries with one name the reachable one counts, then the later;
/// who is among `clients` is heard, whatever `listeners` says. The own name and the node behind the direct link, which
/// would be heard twice, are left out. Those who only hear are wanted where a connection to them is this node's part.
Wanted wanted(const List& list, const Options& options);

}  // namespace matriz::mesh

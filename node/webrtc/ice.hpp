// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/protocol/ice_server.hpp"
#include "node/gst/ref.hpp"

typedef struct _NiceAgent NiceAgent;

namespace matriz::webrtc {

/// The way that packets take.
struct Path {
    std::string kind;           ///< "lan", "direct" or "relay"
    std::string local_address;  ///< as the other sees it: behind a NAT the mapped one, with a relay the relay's
    std::string base_address;   ///< this machine's own, from which packets go there
    std::string remote_address;
    int remote_port = 0;
};

/// What there is to know and to set of the ICE agent (libnice) inside a webrtcbin. One thread.
class Ice {
  public:
    /// Before the webrtcbin has any m-line. `turn` false: without the TURN servers. Throws Error when its ICE agent is
    /// none that we know.
    Ice(GstElement* webrtcbin, const std::vector<protocol::IceServer>& servers, bool turn);

    /// Once descriptions are set: marks packets for expedited forwarding (RFC 3246).
    void mark_packets();

    /// Before the webrtcbin ends, while it plays: gives relays back to the TURN server, which would keep them for ten
    /// minutes otherwise, and counts them. Waits for the server's answer, for little more than a second at most.
    void release_relays() noexcept;

    /// One of our candidates, and one of the other's.
    void note_local(const std::string& candidate);
    void note_remote(const std::string& candidate);

    /// The way in use; nothing before there is one.
    std::optional<Path> path() const;

    bool has_turn() const noexcept { return !turn_hosts_.empty(); }
    bool has_relay() const noexcept { return !relays_.empty(); }
    /// Whether a STUN server has told an address that is not this machine's own.
    bool has_reflexive() const noexcept { return reflexive_; }
    /// "turn.example.org", or several.
    const std::string& turn_hosts() const noexcept { return turn_hosts_; }

  private:
    class Selected;

    glib::Ref<GObject> agent_;
    std::shared_ptr<Selected> selected_;
    std::string turn_hosts_;
    std::set<std::string> relays_;  ///< addresses that TURN servers gave us
    bool reflexive_ = false;
    std::set<std::string> remote_hosts_;   ///< addresses of the other's own interfaces, as it says
    std::set<std::string> remote_relays_;  ///< addresses that TURN servers gave it, as it says
};

/// webrtcbin's form of a TURN URL without TLS: "turn://user:secret@host:port?transport=udp". Pure.
std::string turn_uri(const protocol::IceUrl& url, const std::string& username, const std::string& credential);
/// Whether an address is of a local network, this machine or link: RFC 1918, 4193, 3927, 4291. Pure.
bool is_local_address(const std::string& address);

}  // namespace matriz::webrtc

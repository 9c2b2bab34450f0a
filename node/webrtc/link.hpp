// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/protocol/ice_server.hpp"
#include "node/emitter/offer.hpp"
#include "node/identity/identity.hpp"
#include "node/negotiation/ask.hpp"
#include "node/webrtc/status.hpp"

namespace matriz::webrtc {

/// Everything a link is told; fixed for its life.
struct LinkConfig {
    std::string own_name;
    std::string peer;
    std::string fingerprint;                       ///< what the peer's certificate must have, as in the client list
    const identity::Identity* identity = nullptr;  ///< outlives the link
    emitter::Offer* offer = nullptr;               ///< outlives the link; null: this node sends nothing to the peer
    bool hear = true;                              ///< whether the peer is played
    std::string jack_client = "matriz";
    std::string jack_server;  ///< empty: $JACK_DEFAULT_SERVER or "default"
    int channels = 2;         ///< the least number of JACK ports; a stream with more gets more
    std::chrono::duration<double, std::milli> playout_min{0};
    std::chrono::duration<double, std::milli> playout_max{200};
    /// What this node can play at the moment; on the link's thread.
    std::function<negotiation::Ask()> ask;
    /// STUN and TURN as the server says; on the link's thread. Empty: none.
    std::function<std::vector<protocol::IceServer>()> ice_servers;
    /// Sends `body` to the peer through the server; what cannot be sent is lost. On the link's thread.
    std::function<void(Json::Value body)> signal;
};

/// Makes ready what takes half a second the first time (DTLS makes an RSA key of its own, used or not): called early,
/// on a thread that may wait, it spares the first connection that. Any thread.
void prepare();

class Life;

/// One peer's life over WebRTC: one connection for both directions, made, watched and made again by itself whatever
/// happens to the peer, the network and JACK. Works on a thread of its own.
///
/// Destroying waits until the connection is closed: let a Reaper do it, after stop().
class Link {
  public:
    /// Returns at once. Throws Error when the config cannot be met at all (a fingerprint that is none).
    explicit Link(LinkConfig config);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    /// Begins to close and says goodbye to the peer; returns at once. The callbacks of the config are not called any
    /// more once the link is destroyed. Any thread.
    void stop();
    /// A signal's body that came from the peer. Any thread; never waits. What comes faster than it can be handled, or
    /// makes no sense, is dropped.
    void receive(Json::Value body);
    /// Our address, the network, or what our stream is has changed: another connection takes this one's place at once.
    /// `reason` is for the log. Any thread.
    void refresh(std::string reason);
    /// Any thread but the audio thread.
    LinkStatus status() const;

    static constexpr std::chrono::seconds silence_limit{3};  ///< without a sign of life, once connected
    /// From the offer to the verified connection. The first attempt may have met a network that was just changing.
    static constexpr std::chrono::seconds first_connect_limit{4};
    static constexpr std::chrono::seconds connect_limit{10};   ///< the same after a failure
    static constexpr std::chrono::seconds keep_limit{30};      ///< how long a silent connection is kept
    static constexpr std::chrono::seconds hopeless_after{20};  ///< without any connection, in several attempts

  private:
    std::unique_ptr<Life> life_;
};

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "node/config/config.hpp"

namespace matriz::transport {

/// What carries the sound of one peer.
enum class Way { none, webrtc, rtsp };
std::string_view name(Way way) noexcept;

/// Chooses between WebRTC and RTSP for one peer and says why. Pure; one thread.
///
/// With `automatic` a peer that knows WebRTC gets it. RTSP in the clear takes over only where WebRTC has never come to
/// a connection: what has worked once comes back by itself, and must not end as an open stream because a cable was
/// pulled, or somebody on the path would like to listen. A peer whose certificate is refused is not heard over
/// anything; one that has to prove who it is never in the clear.
class Chooser {
  public:
    struct Facts {
        node::Transport wish = node::Transport::automatic;
        bool peer_webrtc = false;     ///< the peer takes WebRTC
        bool rtsp_tls = false;        ///< its RTSP is inside TLS, and so proves who it is
        bool proof_needed = false;    ///< what does not prove who it is does not count: `trust` pinned
        bool secured_before = false;  ///< it has been heard encrypted, if not by this link
        bool hear = true;             ///< false: the peer only hears us, which is no work of ours over RTSP
        std::string refusal{};        ///< why it must not be connected to at all; empty: nothing against it
    };
    /// How WebRTC is doing.
    struct Webrtc {
        bool connected = false;
        bool refused = false;
        bool hopeless = false;
        std::string reason{};
    };

    explicit Chooser(Facts facts);

    Way way() const noexcept { return way_; }
    /// Why this way, for people.
    const std::string& why() const noexcept { return why_; }
    /// It would be heard over RTSP if that were not in the clear; why() says so.
    bool held_back() const noexcept { return held_back_; }

    /// Call each second with how WebRTC is doing, while it is the way. True: RTSP takes over.
    bool update(const Webrtc& now);
    /// WebRTC works after all, or shows why nothing should: it is the way again.
    void back_to_webrtc(bool connected);

  private:
    /// RTSP, unless that is in the clear and there is an objection to it. `why`: what led to it.
    void turn_to_rtsp(std::string why, const char* objection);

    const Facts facts_;
    Way way_ = Way::none;
    std::string why_;
    bool connected_once_ = false;
    bool held_back_ = false;
};

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/gst/reaper.hpp"
#include "node/network/address_watch.hpp"
#include "node/receiver/receiver.hpp"
#include "node/transport/chooser.hpp"
#include "node/transport/trials.hpp"
#include "node/webrtc/link.hpp"

namespace matriz::transport {

/// How one peer is doing, whatever carries it.
struct PeerStatus {
    Way way = Way::none;
    std::string why;                           ///< this way
    receiver::ReceiverStatus receiver;         ///< how it is heard
    std::optional<webrtc::LinkStatus> webrtc;  ///< with Way::webrtc
};

/// One peer: heard, and over WebRTC sent to, from construction to destruction, whatever happens to the peer, the
/// network and JACK. Uses one transport and turns to another when that is the way to be heard: to RTSP when WebRTC
/// fails, then back as soon as a trial of it beside RTSP succeeds. Making and destroying it takes no time; the closing
/// goes on in the reaper, which must outlive it. Main thread only.
class PeerLink {
  public:
    struct Config {
        Chooser::Facts facts;
        receiver::ReceiverConfig rtsp;
        webrtc::LinkConfig webrtc;  ///< not used unless WebRTC is chosen
        /// The peer has shown, for the first time here, that the certificate is its own. Must not destroy the link.
        std::function<void()> on_proven{};
    };

    /// Throws Error when the chosen transport cannot be had at all.
    PeerLink(Config config, gst::Reaper& reaper);
    PeerLink(const PeerLink&) = delete;
    PeerLink& operator=(const PeerLink&) = delete;
    ~PeerLink();

    /// Its RTSP is elsewhere from now on. False when that takes another link: RTSP is in use. WebRTC, which needs no
    /// address of the list's, goes on.
    bool move(const std::string& address, std::uint16_t port);
    /// What the peer sent through the server. Dropped where WebRTC is not wanted.
    void signal(Json::Value body);
    /// This node's stream has changed: a WebRTC connection is made anew. `reason` is for the log.
    void refresh(const std::string& reason);
    /// This machine's addresses have changed. A WebRTC connection from one that is or was gone is made anew.
    void network_changed(const network::AddressWatch::Change& change);

    PeerStatus status() const;

  private:
    using Clock = receiver::ReceiverStatus::Clock;

    void begin();
    void end();
    void end_webrtc();
    void reconsider();
    void watch_webrtc();
    void watch_rtsp();
    void begin_trial();
    void turn_to_webrtc(bool connected);
    bool may_try_webrtc() const noexcept;
    void note_proof(bool proven);

    Config config_;
    gst::Reaper& reaper_;
    const log::Logger log_;
    Chooser chooser_;
    bool said_held_back_ = false;
    bool proven_ = false;
    bool said_why_not_rtsp_ = false;
    Trials trials_;
    Clock::time_point since_ = Clock::now();  ///< the way in use
    std::optional<receiver::Receiver> rtsp_;
    std::shared_ptr<webrtc::Link> webrtc_;  ///< shared, because the reaper takes it over. Beside RTSP: a trial
    glib::Source timer_;
};

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/peer_link.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "node/gst/init.hpp"
#include "node/network/address_watch.hpp"

namespace matriz::transport {
namespace {

constexpr std::chrono::milliseconds reconsider_interval{500};

}  // namespace

PeerLink::PeerLink(Config config, gst::Reaper& reaper)
    : config_(std::move(config)), reaper_(reaper), log_("peer " + config_.rtsp.peer), chooser_(config_.facts) {
    gst::initialise();
    if (chooser_.way() == Way::none) log_.warning("not heard: {}", chooser_.why());
    begin();
    timer_ = glib::Source::every(reconsider_interval, [this] { reconsider(); });
}

PeerLink::~PeerLink() { end(); }

void PeerLink::begin() {
    since_ = last_heard_ = Clock::now();
    if (chooser_.way() == Way::webrtc) webrtc_ = std::make_shared<webrtc::Link>(config_.webrtc);
    if (chooser_.way() == Way::rtsp) rtsp_.emplace(config_.rtsp, reaper_);
}

void PeerLink::end() {
    rtsp_.reset();
    if (!webrtc_) return;
    webrtc_->stop();
    reaper_.take(std::exchange(webrtc_, nullptr));
}

void PeerLink::signal(Json::Value body) {
    if (webrtc_) webrtc_->receive(std::move(body));
}

void PeerLink::refresh(const std::string& reason) {
    if (webrtc_) webrtc_->refresh(reason);
}

void PeerLink::network_changed(const std::set<std::string>& addresses) {
    if (!webrtc_) return;
    const webrtc::LinkStatus now = webrtc_->status();
    if (!now.connected || !(addresses.contains(now.local_address) || network::is_link_local(now.local_address)))
        webrtc_->refresh("this machine's address has changed");
}

void PeerLink::reconsider() {
    bool changed = false;
    if (webrtc_) {
        const webrtc::LinkStatus now = webrtc_->status();
        note_proof(now.connections > 0);
        changed = chooser_.update(
            {.connected = now.connected, .refused = now.refused, .hopeless = now.hopeless, .reason = now.reason});
    } else if (rtsp_) {
        const receiver::ReceiverStatus now = rtsp_->status();
        note_proof(config_.rtsp.tls && now.first_packet);  // nothing plays before its certificate was the right one
        if (now.state == receiver::State::playing) last_heard_ = Clock::now();
        changed = chooser_.update(std::chrono::duration<double>(Clock::now() - last_heard_));
    }
    if (!chooser_.held_back())
        said_held_back_ = false;
    else if (!std::exchange(said_held_back_, true))
        log_.warning("not over RTSP either: {}", chooser_.why());
    if (!changed) return;
    log_.warning("from now on over {}: {}", name(chooser_.way()), chooser_.why());
    end();
    try {
        begin();
    } catch (const std::exception& error) {
        log_.error("{}; it is not heard until it joins anew", describe(error));
    }
}

void PeerLink::note_proof(bool proven) {
    if (proven && !std::exchange(proven_, true) && config_.on_proven) config_.on_proven();
}

PeerStatus PeerLink::status() const {
    PeerStatus status{.way = chooser_.way(), .why = chooser_.why(), .receiver = {}, .webrtc = {}};
    if (webrtc_) {
        status.webrtc = webrtc_->status();
        status.receiver = *status.webrtc;
    } else if (rtsp_) {
        status.receiver = rtsp_->status();
    } else {
        status.receiver.state = receiver::State::retrying;
        status.receiver.since = since_;
        status.receiver.reason = chooser_.why();
    }
    return status;
}

}  // namespace matriz::transport

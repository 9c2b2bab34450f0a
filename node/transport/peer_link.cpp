// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/peer_link.hpp"

#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "common/base/error.hpp"
#include "node/gst/init.hpp"
#include "node/webrtc/signal.hpp"

namespace matriz::transport {
namespace {

constexpr std::chrono::milliseconds reconsider_interval{500};

/// Does the other side begin a session by this, or ask for one?
bool wants_connection(const Json::Value& body) {
    try {
        const webrtc::PeerSignal signal = webrtc::decode(body);
        const auto* bye = std::get_if<webrtc::Bye>(&signal.what);
        return std::holds_alternative<webrtc::Call>(signal.what) ||
               (bye != nullptr && bye->code == webrtc::Bye::Code::again);
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace

PeerLink::PeerLink(Config config, gst::Reaper& reaper)
    : config_(std::move(config)),
      reaper_(reaper),
      log_("peer " + config_.rtsp.peer),
      chooser_(config_.facts),
      trials_(config_.facts.rtsp_tls) {
    gst::initialise();
    if (chooser_.way() == Way::none) log_.warning("not heard: {}", chooser_.why());
    begin();
    timer_ = glib::Source::every(reconsider_interval, [this] { reconsider(); });
}

PeerLink::~PeerLink() { end(); }

void PeerLink::begin() {
    since_ = Clock::now();
    if (chooser_.way() == Way::webrtc) webrtc_ = std::make_shared<webrtc::Link>(config_.webrtc);
    if (chooser_.way() == Way::rtsp) {
        trials_.start(since_);
        rtsp_.emplace(config_.rtsp, reaper_);
    }
}

void PeerLink::end() {
    rtsp_.reset();
    end_webrtc();
}

void PeerLink::end_webrtc() {
    if (!webrtc_) return;
    webrtc_->stop();
    reaper_.take(std::exchange(webrtc_, nullptr));
}

bool PeerLink::may_try_webrtc() const noexcept {
    return rtsp_ && config_.facts.peer_webrtc && config_.facts.wish == node::Transport::automatic;
}

bool PeerLink::move(const std::string& address, std::uint16_t port) {
    if (rtsp_ || !webrtc_) return false;
    config_.rtsp.address = address;
    config_.rtsp.port = port;
    if (!webrtc_->status().connected) webrtc_->refresh("its address has changed");
    return true;
}

void PeerLink::signal(Json::Value body) {
    if (!webrtc_ && may_try_webrtc() && wants_connection(body)) begin_trial();
    if (webrtc_) webrtc_->receive(std::move(body));
}

void PeerLink::refresh(const std::string& reason) {
    if (webrtc_) webrtc_->refresh(reason);
}

void PeerLink::network_changed(const network::AddressWatch::Change& change) {
    if (rtsp_) trials_.hasten();
    if (!webrtc_) return;
    const webrtc::LinkStatus now = webrtc_->status();
    // One that went and came again may be in another network now.
    const bool stayed = change.now.contains(now.base_address) && !change.come.contains(now.base_address);
    if (!now.connected || !(stayed || network::is_link_local(now.base_address)))
        webrtc_->refresh("this machine's address has changed");
}

void PeerLink::reconsider() {
    try {
        if (rtsp_)
            watch_rtsp();
        else if (webrtc_)
            watch_webrtc();
    } catch (const std::exception& error) {
        log_.error("{}; it is not heard until it joins anew", describe(error));
    }
}

void PeerLink::watch_webrtc() {
    const webrtc::LinkStatus now = webrtc_->status();
    note_proof(now.connections > 0);
    const bool changed = chooser_.update(
        {.connected = now.connected, .refused = now.refused, .hopeless = now.hopeless, .reason = now.reason});
    if (!chooser_.held_back())
        said_held_back_ = false;
    else if (!std::exchange(said_held_back_, true))
        log_.warning("not over RTSP either: {}", chooser_.why());
    if (!changed) return;
    log_.warning("from now on over {}: {}", name(chooser_.way()), chooser_.why());
    end();
    begin();
}

/// RTSP, and a trial of WebRTC beside it.
void PeerLink::watch_rtsp() {
    const receiver::ReceiverStatus now = rtsp_->status();
    note_proof(config_.rtsp.tls && now.first_packet);  // nothing plays before its certificate was the right one
    if (!may_try_webrtc()) return;
    std::optional<Trials::Webrtc> trial;
    if (webrtc_) {
        const webrtc::LinkStatus there = webrtc_->status();
        note_proof(there.connections > 0);
        trial = Trials::Webrtc{.connected = there.connected,
                               .playing = there.state == receiver::State::playing,
                               .ever_connected = there.connections > 0,
                               .refused = there.refused};
    }
    switch (trials_.update(Clock::now(), now.state == receiver::State::playing, trial ? &*trial : nullptr)) {
        case Trials::Step::none:
            break;
        case Trials::Step::begin:
            begin_trial();
            break;
        case Trials::Step::end:
            end_webrtc();
            break;
        case Trials::Step::end_and_renew:
            // Its playout had taken the JACK ports over, and leaves them silent when it goes.
            end();
            rtsp_.emplace(config_.rtsp, reaper_);
            break;
        case Trials::Step::turn:
            turn_to_webrtc(trial && trial->connected);
            break;
    }
}

void PeerLink::begin_trial() {
    webrtc_ = std::make_shared<webrtc::Link>(config_.webrtc);
    trials_.begun(Clock::now());
}

void PeerLink::turn_to_webrtc(bool connected) {
    chooser_.back_to_webrtc(connected);
    since_ = Clock::now();
    rtsp_.reset();
    log_.info("from now on over {}: {}", name(chooser_.way()), chooser_.why());
}

void PeerLink::note_proof(bool proven) {
    if (proven && !std::exchange(proven_, true) && config_.on_proven) config_.on_proven();
}

PeerStatus PeerLink::status() const {
    PeerStatus status{.way = chooser_.way(), .why = chooser_.why(), .receiver = {}, .webrtc = {}};
    if (rtsp_) {
        status.receiver = rtsp_->status();
    } else if (webrtc_) {
        status.webrtc = webrtc_->status();
        status.receiver = *status.webrtc;
    } else {
        status.receiver.state = receiver::State::retrying;
        status.receiver.since = since_;
        status.receiver.reason = chooser_.why();
    }
    return status;
}

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/chooser.hpp"

#include <utility>

namespace matriz::transport {
namespace {

constexpr const char* both_can = "both nodes can";

}  // namespace

std::string_view name(Way way) noexcept {
    switch (way) {
        case Way::none:
            return "none";
        case Way::webrtc:
            return "webrtc";
        case Way::rtsp:
            return "rtsp";
    }
    return "unknown";
}

Chooser::Chooser(Facts facts) : facts_(std::move(facts)) {
    if (!facts_.refusal.empty()) {
        why_ = facts_.refusal;
    } else if (facts_.wish == node::Transport::rtsp) {
        way_ = Way::rtsp;
        why_ = "\"transport\" is \"rtsp\" here";
    } else if (facts_.peer_webrtc) {
        way_ = Way::webrtc;
        why_ = both_can;
    } else if (facts_.wish == node::Transport::automatic) {
        way_ = Way::rtsp;
        why_ = "the other node takes no WebRTC";
    } else {
        why_ = "the other node takes no WebRTC, and \"transport\" is \"webrtc\" here; \"auto\" would hear it over RTSP";
    }
    if (way_ == Way::rtsp && !facts_.hear) way_ = Way::none;
}

bool Chooser::update(const Webrtc& now) {
    if (way_ != Way::webrtc) return false;
    connected_once_ = connected_once_ || now.connected;
    const bool give_up = facts_.wish == node::Transport::automatic && facts_.hear && now.hopeless && !now.refused &&
                         !now.connected && !connected_once_;
    if (!give_up) return false;
    way_ = Way::rtsp;
    why_ = "WebRTC failed" + (now.reason.empty() ? "" : ": " + now.reason);
    return true;
}

bool Chooser::update(std::chrono::duration<double> silent) {
    const bool may_try = way_ == Way::rtsp && facts_.wish == node::Transport::automatic && facts_.peer_webrtc;
    if (!may_try || silent < rtsp_patience) return false;
    way_ = Way::webrtc;
    why_ = both_can;
    return true;
}

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/chooser.hpp"

#include <utility>

namespace matriz::transport {
namespace {

constexpr const char* both_can = "both nodes can";
constexpr const char* needs_proof =
    ", and in the clear anybody could be it: `trust` is \"pinned\" here, and it has proven who it is before. "
    "\"rtsp_security\": \"tls\" there would prove it over RTSP, too";
constexpr const char* was_secured =
    ", and in the clear it is not heard, since it was encrypted before: \"rtsp_security\": \"tls\" there would encrypt "
    "RTSP, "
    "too; \"transport\": \"rtsp\" here would take it as it is";

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
    const char* const objection = facts_.proof_needed ? needs_proof : nullptr;
    if (!facts_.refusal.empty()) {
        why_ = facts_.refusal;
    } else if (facts_.wish == node::Transport::rtsp) {
        turn_to_rtsp("\"transport\" is \"rtsp\" here", objection);
    } else if (facts_.peer_webrtc) {
        way_ = Way::webrtc;
        why_ = both_can;
    } else if (facts_.wish == node::Transport::automatic) {
        turn_to_rtsp("the other node takes no WebRTC", objection);
    } else {
        why_ = "the other node takes no WebRTC, and \"transport\" is \"webrtc\" here; \"auto\" would hear it over RTSP";
    }
    if (way_ == Way::rtsp && !facts_.hear) way_ = Way::none;
}

void Chooser::turn_to_rtsp(std::string why, const char* objection) {
    why_ = std::move(why);
    held_back_ = objection != nullptr && !facts_.rtsp_tls;
    if (held_back_)
        why_ += objection;
    else
        way_ = Way::rtsp;
}

bool Chooser::update(const Webrtc& now) {
    if (way_ != Way::webrtc) return false;
    connected_once_ = connected_once_ || now.connected;
    if (now.connected && std::exchange(held_back_, false)) why_ = both_can;
    const bool give_up =
        facts_.wish == node::Transport::automatic && facts_.hear && now.hopeless && !now.refused && !now.connected;
    if (!give_up) return false;
    const bool secured = facts_.secured_before || connected_once_;
    turn_to_rtsp("WebRTC failed" + (now.reason.empty() ? "" : ": " + now.reason), facts_.proof_needed ? needs_proof
                                                                                  : secured           ? was_secured
                                                                                                      : nullptr);
    return way_ == Way::rtsp;
}

void Chooser::back_to_webrtc(bool connected) {
    way_ = Way::webrtc;
    why_ = both_can;
    connected_once_ = connected_once_ || connected;
}

}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
// What a peer says through the server on the way to a WebRTC connection, and its pings.
#include <cstdlib>
#include <span>
#include <string_view>

#include "common/config/document.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"
#include "node/negotiation/ask.hpp"
#include "node/webrtc/ping.hpp"
#include "node/webrtc/sdp.hpp"
#include "node/webrtc/sessions.hpp"
#include "node/webrtc/signal.hpp"
#include "node/webrtc/streams.hpp"

namespace {

using namespace matriz;
using namespace matriz::webrtc;

void check(bool holds) {
    if (!holds) std::abort();
}

void use(const PeerSignal& signal) {
    check(decode(protocol::parse_object(protocol::write(encode(signal)))) == signal);
    check(signal.session.epoch.size() == 16 && signal.session.number > 0);
    OffererSessions sessions;
    check(sessions.admit(signal.session) && !sessions.admit(signal.session));
    if (const auto* call = std::get_if<Call>(&signal.what)) {
        wants_sound(call->ask);
        if (const auto sending = parse_sending(call->sends)) {
            check(sending->channels >= 1 && sending->channels <= dsp::max_channels);
            const auto ask = call->ask ? negotiation::parse_query(*call->ask) : std::nullopt;
            check(!format_of(stream_for(ask, *sending)).encoding.empty());
        }
    } else if (const auto* candidate = std::get_if<Candidate>(&signal.what)) {
        check(candidate->candidate.size() <= max_candidate && candidate->mline <= max_mline);
        candidate_parts(candidate->candidate);
        check_candidate(candidate->candidate);
    } else if (const auto* bye = std::get_if<Bye>(&signal.what)) {
        check(bye->reason.size() <= max_reason && config::is_utf8(bye->reason));
    }
}

void use(const Ping& ping) {
    PingClock clock;
    clock.next(Nanoseconds{1'000'000'000}, 0);
    clock.take(ping, Nanoseconds{2'000'000'000});
    clock.take(ping, Nanoseconds{3'000'000'000});
    if (const auto estimate = clock.estimate())
        check(estimate->round_trip >= Nanoseconds{0} && estimate->round_trip <= PingClock::longest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gst_init(nullptr, nullptr);
    try {
        use(decode(protocol::parse_object({reinterpret_cast<const char*>(data), size})));
    } catch (const protocol::Malformed& error) {
        check(config::is_utf8(error.what()));
    }
    if (const auto ping = decode_ping(std::span(data, size))) use(*ping);
    return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
// What comes from the peer, through the config server.
#include <fmt/format.h>

#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/codec.hpp"
#include "node/webrtc/life.hpp"
#include "node/webrtc/streams.hpp"

namespace matriz::webrtc {
namespace {

constexpr std::size_t most_queued = std::size_t{64} * 1024;  ///< bytes

std::size_t size_of(const PeerSignal& signal) {
    constexpr std::size_t around = 256;
    if (const auto* offer = std::get_if<OfferSdp>(&signal.what)) return around + offer->sdp.size();
    if (const auto* answer = std::get_if<AnswerSdp>(&signal.what)) return around + answer->sdp.size();
    return around + max_candidate;
}

}  // namespace

void Life::receive(const Json::Value& body) {
    PeerSignal signal;
    try {
        signal = decode(body);
    } catch (const protocol::Malformed& error) {
        return log_.debug("a signal that makes no sense: {}", error.what());
    }
    const std::size_t size = size_of(signal);
    if (queued_.fetch_add(size) + size > most_queued) {
        queued_ -= size;
        return log_.debug("it signals faster than it can be answered");
    }
    worker_.post([this, size, signal = std::move(signal)] {
        queued_ -= size;
        handle(signal);
    });
}

void Life::send(const SessionId& id, decltype(PeerSignal::what) what) noexcept {
    try {
        config_.signal(encode(PeerSignal{id, std::move(what)}));
    } catch (const std::exception& error) {
        log_.debug("a signal is lost: {}", describe(error));
    }
}

void Life::handle(const PeerSignal& signal) noexcept {
    if (stopped_) return;
    const SessionId& session = signal.session;
    const bool called = caller_ && calling_ && calls_.is_current(session);
    try {
        std::visit([&](const auto& what) { on(signal.session, what); }, signal.what);
    } catch (const protocol::Malformed& error) {
        try {
            if (called || (next_ && next_->id == session))
                give_up(Trouble::failed, fmt::format("what it offers is not understood: {}", error.what()), &session);
        } catch (const std::exception&) {  // out of memory: the time-outs see to it
        }
    } catch (const std::exception& error) {
        try {
            give_up(Trouble::failed, describe(error), &session);
        } catch (const std::exception&) {  // out of memory: the time-outs see to it
        }
    }
}

/// Whether its description has the fingerprint that is expected; ends the attempt otherwise, before any packet.
bool Life::is_peers(const SessionId& id, const Description& description) {
    const std::string told = fingerprint_of(description);
    if (told == config_.fingerprint) return true;
    {
        const std::lock_guard lock(mutex_);
        status_.peer_fingerprint = told;
    }
    give_up(Trouble::identity,
            fmt::format("it says that its certificate is {}, but {} is expected: somebody may be in between, or it has "
                        "a new identity; no sound goes either way",
                        told.empty() ? "none" : told, config_.fingerprint),
            &id);
    return false;
}

void Life::on(const SessionId& id, const Call& call) {
    if (caller_) return log_.debug("it calls, though it is ours to call");
    if (!offers_.admit(id)) return log_.debug("an old call once more");
    const auto wait = pause_left();
    if (wait.count() == 0) return offer_to(id, call);
    // The last of several counts.
    postponed_.emplace(id, call);
    later_ = glib::Source::after(
        wait,
        [this] {
            try {
                if (const auto postponed = std::exchange(postponed_, std::nullopt); postponed && !stopped_)
                    offer_to(postponed->first, postponed->second);
            } catch (const std::exception& error) {
                log_.error("{}", describe(error));
            }
        },
        worker_.context());
}

void Life::offer_to(const SessionId& id, const Call& call) {
    {
        const std::lock_guard lock(mutex_);
        ++status_.attempts;
    }
    std::optional<Format> incoming;
    const auto ask = own_ask();
    const auto sending = parse_sending(call.sends);
    if (ask && sending) incoming = format_of(stream_for(ask, *sending));
    auto outgoing = outgoing_for(config_.offer, call.ask);
    // Within a bundle a payload type means one thing, whichever m-line it stands in (RFC 8843, section 9.1.1).
    if (incoming && outgoing && incoming->payload_type == outgoing->format.payload_type) ++incoming->payload_type;
    begin(id).connection->make_offer(std::move(outgoing), std::move(incoming));
}

void Life::on(const SessionId& id, const OfferSdp& offer) {
    if (!caller_ || !calling_ || !calls_.is_current(id)) return log_.debug("an offer that we did not call for");
    calling_ = false;
    Description description = parse_sdp(offer.sdp);
    if (!is_peers(id, description)) return;
    Session& session = begin(id);
    auto outgoing = outgoing_for(config_.offer, offer.ask);
    const Choice choice = choose(description, outgoing ? std::optional(outgoing->stream) : std::nullopt, own_ask());
    session.connection->take_offer(std::move(description), choice, std::move(outgoing));
}

void Life::on(const SessionId& id, const AnswerSdp& answer) {
    if (caller_ || !next_ || next_->id != id || !offers_.is_current(id))
        return log_.debug("an answer to what we did not offer");
    offers_.end();  // one answer to each offer
    next_->answered = true;
    Description description = parse_sdp(answer.sdp);
    if (is_peers(id, description)) next_->connection->take_answer(std::move(description));
}

void Life::on(const SessionId& id, const Candidate& candidate) {
    try {
        for (const auto* session : {&next_, &current_})
            if (*session && (*session)->id == id)
                return (*session)->connection->add_candidate(candidate.mline, candidate.candidate);
    } catch (const protocol::Malformed& error) {
        log_.debug("a candidate is passed over: {}", error.what());
    }
}

void Life::on(const SessionId& id, const Bye& bye) {
    const bool ours = current_ && current_->id == id;
    const bool pending = (next_ && next_->id == id) || (caller_ && calling_ && calls_.is_current(id));
    if (!ours && !pending) return;
    if (bye.code == Bye::Code::again) {
        // An attempt that is younger than what it is about will do.
        if (!caller_ || (ours && (next_ || calling_))) return;
        another_wanted_ = Clock::now();
        const auto wait = pause_left();
        return wait.count() == 0 ? call() : call_later(wait);
    }
    const bool refused = bye.code == Bye::Code::identity;
    const std::string turn = next_ && !ours ? next_->connection->turn_trouble().value_or("") : std::string();
    std::string reason = refused                       ? "it refuses us, and says: " + bye.reason
                         : bye.code == Bye::Code::left ? "it left"
                                                       : "it ended the connection, and says: " + bye.reason;
    if (!turn.empty() && !refused) reason = fmt::format("no way through to it was found, and {}", turn);
    if (ours) {
        // Our side of the connection had been verified before the other had looked at our certificate.
        lose(reason);
        const std::lock_guard lock(mutex_);
        status_.refused = refused;
        return;
    }
    next_.reset();  // the other knows: nothing is said
    give_up(refused ? Trouble::identity : Trouble::failed, reason);
}

}  // namespace matriz::webrtc

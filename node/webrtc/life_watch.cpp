// SPDX-License-Identifier: GPL-3.0-or-later
// What time brings: signs of life and their absence, and what status says of it all.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "node/webrtc/life.hpp"

namespace matriz::webrtc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds longest_call_wait{3000};
constexpr seconds steady{3};  ///< a connection as old as this ends the backoff
constexpr seconds again_interval{1};
constexpr seconds answer_limit{4};  ///< from the beginning of an offer to its answer
constexpr seconds mute_limit{5};    ///< connected, but without sound that should be there
constexpr unsigned close_look = 5;  ///< watch intervals

double to_ms(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

}  // namespace

void Life::watch() noexcept {
    if (stopped_) return;
    try {
        const auto now = Clock::now();
        watch_attempt(now);
        if (current_) watch_connection(now);
        if (++ticks_ % close_look == 0) look_closely();
        note_turn();
        publish();
    } catch (const std::exception& error) {  // next time
        log_.debug("{}", describe(error));
    }
}

void Life::watch_attempt(Clock::time_point now) {
    if (calling_ && now - called_ > call_wait_) {
        call_wait_ = std::min(call_wait_ * 3 / 2, longest_call_wait);
        const std::string reason = "it does not answer our call: its node may be busy, or the config server not there";
        if (!current_) {
            report_failure(reason);
            enter(State::retrying, reason);
        }
        return call();
    }
    if (!next_) return;
    if (!caller_ && !next_->answered && now - next_->began > answer_limit)
        return give_up(Trouble::failed,
                       "it does not answer our offer: its node may be busy, or the config server not there");
    const std::string turn = next_->connection->turn_trouble().value_or("");
    if (now - next_->began > attempt_limit_) {
        const std::string late = fmt::format("no connection within {} s", attempt_limit_.count());
        return give_up(Trouble::failed,
                       turn.empty() ? late + ": a firewall may be in the way" : fmt::format("{}, and {}", late, turn));
    }
    if (turn.empty() || current_) return;
    const std::lock_guard lock(mutex_);
    status_.reason = "no connection yet, and " + turn;
}

/// Its signs of life, and whether its sound comes.
void Life::watch_connection(Clock::time_point now) {
    const Connection& connection = *current_->connection;
    const std::uint64_t packets = connection.packets();
    const bool sound = packets != packets_seen_;
    packets_seen_ = packets;
    if (sound) last_packet_ = now;
    const auto* pings = connection.pings();
    const auto heard = pings != nullptr ? pings->last_heard() : std::nullopt;
    const bool never = !heard && packets == 0;
    watch_quiet(now, never || sound || (heard && *heard > last_sign_));
    if (heard)
        last_sign_ = std::max(last_sign_, *heard);
    else if (sound)
        last_sign_ = now;  // a program that knows no pings
    const bool alive = now - last_sign_ <= Link::silence_limit;
    const bool mute = connection.hears() && now - last_packet_ > Link::silence_limit;
    if (now - connected_since_ > steady && alive && !mute) backoff_.reset();

    State state;
    {
        const std::lock_guard lock(mutex_);
        state = status_.state;
    }
    if (!alive) {
        if (!std::exchange(silent_, true)) {
            const auto reason = fmt::format(
                "nothing came from it for {} s; the connection is kept in case it comes back, and another one asked "
                "for",
                Link::silence_limit.count());
            report_failure(reason);
            enter(State::retrying, reason);
        }
        if (now - last_sign_ > Link::keep_limit)
            return lose(fmt::format("nothing came from it for {} s", Link::keep_limit.count()));
        return want_another(now);
    }
    if (std::exchange(silent_, false)) {
        log_.info("it is back");
        said_.clear();
        if (!another_wanted_ && caller_ && (next_ || calling_)) call_off();
        enter(State::connecting, {});
        return;
    }
    if (another_wanted_) want_another(now);
    if (mute) {
        const std::string reason = "it is connected, but no sound comes from it";
        if (state == State::playing) {
            report_failure(reason);
            enter(State::retrying, reason);
        }
        if (now - last_packet_ > mute_limit) want_another(now);
        return;
    }
    const bool playing = !connection.hears() || (packets > 0 && now - last_packet_ <= Link::silence_limit);
    if (state == State::playing || !playing) return;
    said_.clear();
    enter(State::playing, {});
    const std::lock_guard lock(mutex_);
    if (!status_.first_packet && packets > 0) status_.first_packet = connection.first_packet();
}

/// Asking costs a signal while the other does not answer, and is not heard when what comes of it takes this one's
/// place.
void Life::watch_quiet(Clock::time_point now, bool came) {
    if (came && std::exchange(called_early_, false) && calling_ && !another_wanted_) call_off();
    if (!quiet_.look(now, came, last_packet_)) return;
    log_.debug("nothing comes from it; another connection is asked for");
    called_early_ = true;
    want_another(now);
}

void Life::call_off() {
    if (calls_.current()) send(*calls_.current(), Bye{.code = Bye::Code::left, .reason = "the other is back"});
    next_.reset();
    calling_ = false;
}

/// About once a second, until there is one.
void Life::want_another(Clock::time_point now) {
    if (next_ || calling_ || now - asked_again_ < again_interval) return;
    asked_again_ = now;
    if (caller_)
        call();
    else if (current_)
        send(current_->id, Bye{.code = Bye::Code::again, .reason = "another connection is wanted"});
}

/// Whether there is a relay, should one be needed: what the newest connection knows of it. Where one is needed, the
/// attempt that fails says so.
void Life::note_turn() {
    auto trouble = next_ ? next_->connection->turn_trouble() : std::nullopt;
    if (!trouble && current_) trouble = current_->connection->turn_trouble();
    if (!trouble) return;
    if (current_ && !next_ && std::exchange(said_turn_, *trouble) != *trouble && !trouble->empty())
        log_.warning("connected without a relay, but the next may need one: {}", *trouble);
    const std::lock_guard lock(mutex_);
    status_.turn_trouble = std::move(*trouble);
}

/// What need not be known ten times a second.
void Life::look_closely() {
    if (!current_) {
        if (config_.offer != nullptr) config_.offer->set_guest(guest_name(), std::nullopt);
        return;
    }
    const Connection& connection = *current_->connection;
    const auto path = connection.path();
    auto report = connection.report();
    if (config_.offer != nullptr && connection.sends()) {
        emitter::Listener listener{.address = path ? path->remote_address : config_.peer,
                                   .webrtc = true,
                                   .port = static_cast<std::uint16_t>(path ? path->remote_port : 0),
                                   .seconds = std::chrono::duration<double>(Clock::now() - connected_since_).count(),
                                   .red = connection.sends_red(),
                                   .report = report};
        config_.offer->set_guest(guest_name(), std::move(listener));
    }
    const std::lock_guard lock(mutex_);
    if (path) {
        status_.path = path->kind;
        status_.base_address = path->base_address;
        status_.remote_address = path->remote_address;
    }
    status_.report = report;
}

void Life::publish() {
    const auto now = Clock::now();
    const bool connected = current_ && !silent_;
    if (connected) last_good_ = now;
    const std::lock_guard lock(mutex_);
    status_.connected = connected;
    status_.verified = current_ && current_->connection->verified();
    status_.hopeless = !current_ && !status_.refused && now - last_good_ > Link::hopeless_after;
    if (!current_) {
        status_.path.clear();
        status_.base_address.clear();
        status_.remote_address.clear();
        status_.codec.clear();
        status_.sending_codec.clear();
        status_.sending_reason.clear();
        status_.sending = false;
        status_.rtt_ms = status_.clock_offset_ms = status_.one_way_ms = std::nullopt;
        status_.report.reset();
        return;
    }
    const Connection& connection = *current_->connection;
    status_.peer_fingerprint = connection.peer_fingerprint();
    status_.codec = connection.codec();
    status_.sending = connection.sends();
    status_.sending_codec = connection.sending_codec();
    status_.sending_reason = connection.sending_reason();
    const auto* pings = connection.pings();
    const auto estimate = pings != nullptr ? pings->estimate() : std::nullopt;
    if (!estimate) return;
    status_.rtt_ms = to_ms(estimate->round_trip);
    status_.clock_offset_ms = to_ms(estimate->offset);
    // status() adds the playout's delay of its moment.
    status_.one_way_ms = to_ms(estimate->round_trip) / 2 + to_ms(pings->peer_capture());
}

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/life.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "common/base/error.hpp"
#include "node/receiver/metrics.hpp"
#include "node/webrtc/streams.hpp"

namespace matriz::webrtc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds first_backoff{250};
constexpr milliseconds longest_backoff{2000};
constexpr milliseconds least_backoff{50};
constexpr milliseconds first_call_wait{1000};
constexpr seconds refused_wait{10};       ///< a wrong identity seldom gets better by itself
constexpr milliseconds least_pause{300};  ///< from one attempt to the next that the peer asks for
constexpr std::size_t most_in_a_row = 4;  ///< of these
constexpr seconds row_time{6};            ///< in so long
/// Of three attempts, once one got no relay: as long as a TURN server does not answer, or refuses, libnice 0.1.21
/// passes over the STUN server's answers (conn_check_handle_inbound_stun), and with them goes the direct way. Most of
/// them, so that some meet the other's, who counts for itself.
constexpr int attempts_without_turn = 2;

std::string make_epoch() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random() & 0xffffffffU, random() & 0xffffffffU);
}

}  // namespace

Life::Life(LinkConfig config)
    : config_(std::move(config)),
      caller_(calls(config_.own_name, config_.peer)),
      log_("webrtc " + config_.peer),
      calls_(make_epoch()),
      call_wait_(first_call_wait),
      last_good_(Clock::now()),
      backoff_(first_backoff, longest_backoff, std::random_device{}(), least_backoff) {
    status_.since = Clock::now();
    status_.transport = "webrtc";
    worker_.post([this] {
        if (caller_) call();
        prepare();
        watchdog_ = glib::Source::every(
            Quiet::interval, [this] { watch(); }, worker_.context());
    });
}

Life::~Life() { stop(); }

void Life::stop() {
    worker_.post([this] {
        if (std::exchange(stopped_, true)) return;
        const Bye bye{.code = Bye::Code::left, .reason = "its link is closed"};
        if (next_) send(next_->id, bye);
        if (current_) send(current_->id, bye);
        if (calling_ && calls_.current()) send(*calls_.current(), bye);
        retry_.cancel();
        later_.cancel();
        watchdog_.cancel();
        {
            const std::lock_guard lock(mutex_);
            sink_.reset();
            status_.connected = status_.verified = status_.sending = false;
        }
        next_.reset();
        current_.reset();
        if (config_.offer != nullptr) config_.offer->set_guest(guest_name(), std::nullopt);
    });
}

void Life::refresh(std::string reason) {
    worker_.post([this, reason = std::move(reason)] {
        if (stopped_) return;
        log_.info("{}: making another connection", reason);
        another_wanted_ = Clock::now();
        asked_again_ = {};
        call_wait_ = first_call_wait;
        attempt_limit_ = Link::first_connect_limit;
        backoff_.reset();
        if (caller_)
            call();
        else if (next_)  // its beginning was before the change
            send(next_->id, Bye{.code = Bye::Code::again, .reason = "another connection is wanted"});
        else
            want_another(Clock::now());
    });
}

LinkStatus Life::status() const {
    gst::Ref<GstElement> sink;
    LinkStatus status;
    {
        const std::lock_guard lock(mutex_);
        status = status_;
        sink = sink_;
    }
    if (sink) status.playout = receiver::metrics_of(sink.get());
    if (status.one_way_ms) *status.one_way_ms += status.playout.delay_ms;
    return status;
}

std::optional<negotiation::Ask> Life::own_ask() const {
    if (!config_.hear) return std::nullopt;
    return config_.ask ? config_.ask() : negotiation::Ask{.codecs = {dsp::CodecId::opus}};
}

std::optional<std::string> Life::own_query() const {
    return negotiation::to_query(own_ask().value_or(negotiation::Ask{}));
}

ConnectionConfig Life::connection_config() {
    auto servers = config_.ice_servers ? config_.ice_servers() : std::vector<protocol::IceServer>{};
    if (std::exchange(ice_servers_, servers) != servers) without_turn_ = 0;
    std::string turn_trouble;
    if (without_turn_ > 0) {
        const std::lock_guard lock(mutex_);
        turn_trouble = status_.turn_trouble;
    }
    return {.peer = config_.peer,
            .fingerprint = config_.fingerprint,
            .identity = config_.identity,
            .jack_client = config_.jack_client,
            .jack_server = config_.jack_server,
            .channels = config_.channels,
            .playout_min = config_.playout_min,
            .playout_max = config_.playout_max,
            .ice_servers = std::move(servers),
            .turn_trouble = std::move(turn_trouble),
            .capture_latency = [offer = config_.offer](dsp::CodecId codec) {
                return offer != nullptr ? capture_latency(*offer, codec) : std::chrono::microseconds{0};
            }};
}

void Life::enter(State state, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    status_.state = state;
    status_.since = Clock::now();
    if (state == State::playing) status_.reason.clear();
    if (state == State::retrying) status_.reason = reason;
}

void Life::report_failure(const std::string& reason) {
    if (reason != said_) log_.warning("{}; trying again, from now on without saying so each time", reason);
    said_ = reason;
}

// Sessions.

void Life::call() {
    retry_.cancel();
    if (stopped_) return;
    next_.reset();
    const SessionId id = calls_.next();
    calling_ = true;
    called_ = Clock::now();
    if (!current_) enter(State::connecting, {});
    {
        const std::lock_guard lock(mutex_);
        ++status_.attempts;
    }
    send(id, Call{.ask = own_query(), .sends = to_query(sending_of(config_.offer))});
}

void Life::call_later(milliseconds wait) {
    retry_ = glib::Source::after(
        wait, [this] { call(); }, worker_.context());
}

/// How long to wait before the next attempt that the peer asks for: one that asks for ever costs little, here and of
/// what the server lets a node signal.
milliseconds Life::pause_left() const {
    auto next = called_ + least_pause;
    if (!begun_.empty()) next = std::max(next, begun_.back() + least_pause);
    if (begun_.size() == most_in_a_row) next = std::max(next, begun_.front() + row_time);
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(next - Clock::now()));
}

/// Throws Error when no connection can be made.
Life::Session& Life::begin(const SessionId& id) {
    next_.reset();
    auto session = std::make_unique<Session>();
    session->id = id;
    session->serial = ++serial_;
    session->began = Clock::now();
    begun_.push_back(session->began);
    if (begun_.size() > most_in_a_row) begun_.pop_front();
    // What may end the connection is put off until it has returned.
    ConnectionEvents events{
        .description = {},
        .candidate = [this, id](
                         int mline,
                         const std::string& candidate) { send(id, Candidate{.mline = mline, .candidate = candidate}); },
        .failed =
            [this, serial = serial_](Trouble trouble, const std::string& reason) {
                worker_.post([this, serial, trouble, reason] { on_failed(serial, trouble, reason); });
            },
        .verified = [this, serial = serial_] { worker_.post([this, serial] { on_verified(serial); }); }};
    events.description = [this, id](const std::string& sdp) {
        if (caller_)
            send(id, AnswerSdp{.sdp = sdp});
        else
            send(id, OfferSdp{.sdp = sdp, .ask = own_query()});
    };
    session->connection = std::make_unique<Connection>(connection_config(), log_, worker_.context(), std::move(events));
    next_ = std::move(session);
    if (!current_) enter(State::connecting, {});
    return *next_;
}

void Life::on_verified(std::uint64_t serial) {
    if (stopped_ || !next_ || next_->serial != serial) return;
    {
        const std::lock_guard lock(mutex_);
        sink_.reset();
    }
    // The other one goes on until this one plays: its end may wait for a TURN server.
    const auto before = std::exchange(current_, std::move(next_));
    silent_ = false;
    quiet_.begin();
    if (another_wanted_ && current_->began > *another_wanted_) another_wanted_.reset();
    packets_seen_ = 0;
    connected_since_ = last_sign_ = last_packet_ = Clock::now();
    call_wait_ = first_call_wait;
    attempt_limit_ = Link::first_connect_limit;
    said_.clear();
    Connection& connection = *current_->connection;
    try {
        connection.play();
    } catch (const std::exception& error) {
        return lose(describe(error));
    }
    const auto path = connection.path();
    log_.info("connected{}: {} comes, {} goes",
              path ? fmt::format(" ({}, {} to {})", path->kind, path->local_address, path->remote_address) : "",
              connection.hears() ? connection.codec() : "nothing",
              connection.sends() ? connection.sending_codec() : "nothing");
    if (const auto reason = connection.sending_reason(); !reason.empty())
        log_.info("{}; it gets standard Opus", reason);
    {
        const std::lock_guard lock(mutex_);
        sink_ = gst::Ref<GstElement>::share(connection.sink());
        status_.refused = false;
        ++status_.connections;
    }
    enter(connection.hears() ? State::connecting : State::playing, {});
    look_closely();
    publish();
}

void Life::on_failed(std::uint64_t serial, Trouble trouble, const std::string& reason) {
    if (stopped_) return;
    if (next_ && next_->serial == serial) {
        give_up(trouble, reason);
    } else if (current_ && current_->serial == serial) {
        send(current_->id, Bye{.code = Bye::Code::failed, .reason = reason.substr(0, max_reason)});
        lose(reason);
    }
}

/// The attempt has failed. `session`: whom to tell of it, where that has no connection yet.
void Life::give_up(Trouble trouble, const std::string& reason, const SessionId* session) {
    const bool refused = trouble == Trouble::identity;
    if (next_) {
        const std::string seen = next_->connection ? next_->connection->peer_fingerprint() : std::string();
        if (!seen.empty()) {
            const std::lock_guard lock(mutex_);
            status_.peer_fingerprint = seen;
        }
        session = &next_->id;
    }
    if (session != nullptr)
        send(*session,
             Bye{.code = refused ? Bye::Code::identity : Bye::Code::failed, .reason = reason.substr(0, max_reason)});
    next_.reset();
    count_failure();
    calling_ = false;
    calls_.end();
    offers_.end();
    report_failure(reason);
    if (!current_) {
        enter(State::retrying, reason);
        const std::lock_guard lock(mutex_);
        status_.refused = refused;
    }
    // Beside one in use whoever wants another asks again.
    if (caller_ && !current_) call_later(refused ? milliseconds(refused_wait) : backoff_.next());
}

/// What the next attempt is like.
void Life::count_failure() {
    bool no_relay = false;
    {
        const std::lock_guard lock(mutex_);
        no_relay = !status_.turn_trouble.empty();
    }
    without_turn_ = without_turn_ > 0 ? without_turn_ - 1 : no_relay ? attempts_without_turn : 0;
    // A direct way is there at once or never.
    attempt_limit_ = without_turn_ > 0 ? Link::first_connect_limit : Link::connect_limit;
}

/// The connection in use is no more.
void Life::lose(const std::string& reason) {
    {
        const std::lock_guard lock(mutex_);
        sink_.reset();
    }
    current_.reset();
    silent_ = false;
    report_failure(reason);
    enter(State::retrying, reason);
    publish();
    if (caller_ && !next_ && !calling_) call_later(backoff_.next());
}

}  // namespace matriz::webrtc

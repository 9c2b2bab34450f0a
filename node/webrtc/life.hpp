// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/control/backoff.hpp"
#include "node/gst/ref.hpp"
#include "node/gst/worker.hpp"
#include "node/webrtc/connection.hpp"
#include "node/webrtc/link.hpp"
#include "node/webrtc/quiet.hpp"
#include "node/webrtc/sessions.hpp"
#include "node/webrtc/signal.hpp"

namespace matriz::webrtc {

/// What Link hides: the state machine. At any time there is at most one connection in use, and one attempt at another;
/// an attempt that is verified takes the place of the one in use, which goes on until then.
class Life {
  public:
    explicit Life(LinkConfig config);
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;
    ~Life();

    void stop();
    void receive(const Json::Value& body);
    void refresh(std::string reason);
    LinkStatus status() const;

  private:
    using Clock = LinkStatus::Clock;
    using State = receiver::State;

    struct Session {
        SessionId id;
        std::uint64_t serial = 0;  ///< which of this life's
        Clock::time_point began{};
        bool answered = false;  ///< the offerer's: its offer has its answer
        std::unique_ptr<Connection> connection;
    };

    // From the peer.
    void handle(const PeerSignal& signal) noexcept;
    void on(const SessionId& id, const Call& call);
    void on(const SessionId& id, const OfferSdp& offer);
    void on(const SessionId& id, const AnswerSdp& answer);
    void on(const SessionId& id, const Candidate& candidate);
    void on(const SessionId& id, const Bye& bye);
    void offer_to(const SessionId& id, const Call& call);
    bool is_peers(const SessionId& id, const Description& description);
    void send(const SessionId& id, decltype(PeerSignal::what) what) noexcept;

    // Sessions.
    void call();
    Session& begin(const SessionId& id);
    std::chrono::milliseconds pause_left() const;
    void on_verified(std::uint64_t serial);
    void on_failed(std::uint64_t serial, Trouble trouble, const std::string& reason);
    void give_up(Trouble trouble, const std::string& reason, const SessionId* session = nullptr);
    void lose(const std::string& reason);
    void call_later(std::chrono::milliseconds wait);

    // Time.
    void watch() noexcept;
    void watch_attempt(Clock::time_point now);
    void watch_connection(Clock::time_point now);
    void watch_quiet(Clock::time_point now, bool came);
    void call_off();
    void want_another(Clock::time_point now);
    void look_closely();
    void note_turn();
    void publish();

    void enter(State state, const std::string& reason);
    void report_failure(const std::string& reason);
    std::optional<negotiation::Ask> own_ask() const;
    std::optional<std::string> own_query() const;
    ConnectionConfig connection_config();
    void count_failure();
    std::string guest_name() const { return "webrtc " + config_.peer; }

    const LinkConfig config_;
    const bool caller_;
    const log::Logger log_;

    // Only the worker's thread.
    CallerSessions calls_;
    OffererSessions offers_;
    std::unique_ptr<Session> next_;
    std::unique_ptr<Session> current_;
    std::uint64_t serial_ = 0;
    bool calling_ = false;  ///< a call waits for its offer
    Clock::time_point called_{};
    std::chrono::milliseconds call_wait_;
    std::chrono::seconds attempt_limit_ = Link::first_connect_limit;
    std::optional<Clock::time_point> another_wanted_;  ///< since when, even while the one in use works
    Clock::time_point asked_again_{};
    std::optional<std::pair<SessionId, Call>> postponed_;
    std::deque<Clock::time_point> begun_;  ///< the last few attempts
    Clock::time_point connected_since_{};
    Clock::time_point last_sign_{};  ///< of life, on the connection in use
    Clock::time_point last_packet_{};
    std::uint64_t packets_seen_ = 0;
    bool silent_ = false;
    Quiet quiet_;
    bool called_early_ = false;  ///< since anything came from it
    Clock::time_point last_good_;
    unsigned ticks_ = 0;
    std::string said_;       ///< the failure that was last logged: said once, until there is a connection again
    std::string said_turn_;  ///< of the relay, while connected
    std::vector<protocol::IceServer> ice_servers_;  ///< of the last attempt
    int without_turn_ = 0;                          ///< so many attempts to come
    bool stopped_ = false;
    control::Backoff backoff_;
    glib::Source retry_;
    glib::Source later_;
    glib::Source watchdog_;

    std::atomic<std::size_t> queued_{0};  ///< bytes of signals that wait

    mutable std::mutex mutex_;  ///< guards the two below
    LinkStatus status_;
    gst::Ref<GstElement> sink_;

    gst::Worker worker_{"matriz-webrtc"};
};

}  // namespace matriz::webrtc

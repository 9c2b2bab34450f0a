// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "configserver/http/crowd.hpp"
#include "configserver/http/frame.hpp"
#include "configserver/http/limits.hpp"
#include "configserver/http/request.hpp"
#include "configserver/http/send_queue.hpp"
#include "configserver/net/address.hpp"
#include "configserver/net/reactor.hpp"
#include "configserver/net/stream.hpp"

namespace matriz::http {

using Clock = std::chrono::steady_clock;

/// One accepted connection: TLS handshake, one HTTP request, then either one response or a websocket. It trusts nothing
/// that it reads and holds little for it. Main thread.
class Connection final : private net::Reactor::Handler {
  public:
    /// Who owns connections. No call comes out of a member function of Connection that the owner has called, except
    /// those on_ready(), resume() and tick() make.
    class Owner {
      public:
        /// A TLS handshake takes as long as hundreds of messages: when this says no, the next turn asks again.
        virtual bool may_shake_hands() noexcept = 0;
        /// Answer with respond(), now or later, or with upgrade() now. What else comes before the answer is dropped.
        virtual void on_request(Connection& connection, Request&& request, std::string&& body) noexcept = 0;
        virtual void on_message(Connection& connection, std::string_view text) noexcept = 0;
        /// All that waited has left; called once for each tell_when_drained().
        virtual void on_drained(Connection& connection) noexcept = 0;
        /// Nothing more will come from an upgraded connection that the owner did not close itself. Once at most.
        virtual void on_gone(Connection& connection, std::string_view why) noexcept = 0;
        /// The socket is finished with; destroy the connection, but not within this call.
        virtual void on_finished(Connection& connection) noexcept = 0;
        /// It has read more messages than it may hand over at once: call resume() soon, from the main loop.
        virtual void on_unfinished(Connection& connection) noexcept = 0;
        /// Call end_if_doomed() soon, from the main loop.
        virtual void on_doomed(Connection& connection) noexcept = 0;

      protected:
        ~Owner() = default;
    };

    Connection(net::Reactor& reactor, std::unique_ptr<net::Stream> stream, const net::IpAddress& from,
               std::shared_ptr<const Limits> limits, Owner& owner, Clock::time_point now);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    void respond(const Response& response, bool head_only = false);
    /// Answers 101 with this Sec-WebSocket-Accept; messages come from now on.
    void upgrade(std::string_view accept);

    /// Queues a frame; never blocks, never calls back. One that does not fit dooms the connection, unless it is
    /// `relayed`. False when it will not be sent: that, or the connection is closing.
    bool send(const Frame& frame, SendQueue::Kind kind = SendQueue::Kind::message);
    /// Sends what waits and a close frame, then ends. on_gone() will not be called.
    void close(std::uint16_t code, std::string_view reason);
    /// Ends now: nothing more is sent.
    void abort();
    /// The time-out for registering no longer applies.
    void set_registered() noexcept;

    /// The whole server stood still for so long: time in which nobody could be heard does not count against anyone.
    void forgive(Clock::duration stall) noexcept;
    /// Call about once a second.
    void tick(Clock::time_point now);
    void end_if_doomed();
    void resume() noexcept;

    /// The address limits and peers go by: the socket's, unless a trusted proxy named another.
    const net::IpAddress& address() const noexcept { return address_; }
    void set_address(const net::IpAddress& address) noexcept { address_ = address; }
    const net::IpAddress& socket_address() const noexcept { return socket_address_; }
    /// A proxy has passed its request on, whether or not we believe what that says.
    void set_forwarded() noexcept { forwarded_ = true; }
    bool forwarded() const noexcept { return forwarded_; }
    /// Whoever is at the other end is on this machine.
    bool local() const noexcept { return socket_address_.is_loopback() && !forwarded_; }
    bool is_websocket() const noexcept { return websocket_; }
    bool open() const noexcept { return state_ == State::websocket && doomed_ == nullptr; }
    bool encrypted() const noexcept { return stream_->encrypted(); }
    std::size_t queued_bytes() const noexcept { return queue_.bytes(); }
    /// So little waits that what can be told later may be told now. While it is false something waits, so that
    /// tell_when_drained() will be answered, unless the connection ends.
    bool roomy() const noexcept { return queue_.roomy(); }
    void tell_when_drained() noexcept { tell_when_drained_ = true; }

    /// Points to this connection until it ends, then to nothing: for answers that come later.
    std::shared_ptr<Connection*> handle();
    /// Expires when this connection ends: the one thing of it that another thread may look at.
    std::weak_ptr<const void> presence() const noexcept { return presence_; }

    /// For the owner alone: its place in the owner's lists, and what it hangs on the connection.
    struct Bookkeeping {
        std::size_t index = 0;
        Crowd<Connection>* crowd = nullptr;  ///< the one it is in, if it must give way to others
        Crowd<Connection>::Place place;
        bool counted = false;
        net::IpAddress counted_as;
        void* session = nullptr;
    } book;

  private:
    enum class State : std::uint8_t { handshake, head, body, waiting, answering, websocket, closing, finished };

    void on_ready(std::uint32_t events) noexcept override;
    bool handshake();
    void read();
    void take(std::string_view data);
    void take_head();
    void deliver_request();
    void take_frames(std::string_view data);
    /// Messages that were read wait for their turn; until then no more are read.
    bool sated() const noexcept { return state_ == State::websocket && !in_.empty(); }
    void take_event(const FrameDecoder::Event& event);
    bool allow_message();
    void flush();
    /// The end of what is read has come and would come again and again: until the answer is out, nothing is read.
    bool deaf() const noexcept { return asked_all_ && !drained_; }
    void update_watch();
    void gone(const char* why);
    void close_with(std::uint16_t code, std::string_view reason);
    void doom(const char* why);
    void finish();

    net::Reactor& reactor_;
    std::shared_ptr<const Limits> limits_;
    Owner& owner_;
    std::unique_ptr<net::Stream> stream_;
    net::Reactor::Watch watch_;
    std::uint32_t watched_ = 0;
    State state_ = State::handshake;
    bool websocket_ = false;
    bool forwarded_ = false;
    bool asked_all_ = false;  ///< the other side has closed its half and waits for the answer
    bool drained_ = false;    ///< the last byte is out; waiting for the other side to close
    bool want_write_ = false;
    bool tell_when_drained_ = false;
    bool gone_told_ = false;
    const char* doomed_ = nullptr;  ///< why
    net::IpAddress socket_address_;
    net::IpAddress address_;
    Clock::time_point deadline_;  ///< max(): none
    Clock::time_point last_heard_;
    Clock::time_point next_ping_;
    Clock::time_point tokens_at_;
    double tokens_;
    std::string in_;         ///< of a request what has come so far; of a websocket what waits for the next turn
    int messages_left_ = 0;  ///< in this turn
    std::unique_ptr<Request> request_;
    std::shared_ptr<Connection*> handle_;
    std::shared_ptr<const void> presence_ = std::make_shared<char>();
    FrameDecoder decoder_;
    SendQueue queue_;
};

}  // namespace matriz::http

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace matriz::http {
namespace {

/// A connection that floods gets this much of a turn, then the others have theirs.
constexpr int reads_a_turn = 4;
constexpr int messages_a_turn = 16;
constexpr std::size_t read_size = std::size_t{16} * 1024;  // a whole TLS record
constexpr double burst = 4;  // seconds' worth of messages at once: a node that joins greets every peer
constexpr auto closing_time = std::chrono::seconds(2);
constexpr auto never = Clock::time_point::max();

}  // namespace

Connection::Connection(net::Reactor& reactor, std::unique_ptr<net::Stream> stream, const net::IpAddress& from,
                       std::shared_ptr<const Limits> limits, Owner& owner, Clock::time_point now)
    : reactor_(reactor),
      limits_(std::move(limits)),
      owner_(owner),
      stream_(std::move(stream)),
      socket_address_(from),
      address_(from),
      deadline_(now + limits_->register_time),
      last_heard_(now),
      next_ping_(never),
      tokens_at_(now),
      tokens_(burst * limits_->messages_per_second),
      decoder_(limits_->message_size),
      queue_(limits_->queue_bytes, limits_->queue_frames) {
    watched_ = EPOLLIN;
    watch_ = reactor_.add(stream_->fd(), watched_, *this);
}

Connection::~Connection() {
    if (handle_) *handle_ = nullptr;
    if (state_ != State::finished) reactor_.remove(watch_, stream_->fd());
}

void Connection::on_ready(std::uint32_t events) noexcept {
    try {
        if (state_ == State::handshake && stream_->encrypted() && !owner_.may_shake_hands()) return;
        want_write_ = false;
        messages_left_ = messages_a_turn;
        if (deaf() && (events & (EPOLLHUP | EPOLLERR)) != 0) return finish();
        if (state_ == State::handshake && !handshake()) return;
        if (state_ != State::finished) flush();
        if (open() && queue_.empty() && std::exchange(tell_when_drained_, false)) owner_.on_drained(*this);
        if (state_ != State::finished) read();
        if (state_ != State::finished) update_watch();
    } catch (...) {  // out of memory: this connection goes, the server stays
        doom("out of memory");
        end_if_doomed();
    }
}

void Connection::resume() noexcept {
    try {
        if (state_ != State::websocket || doomed_ != nullptr) return;
        messages_left_ = messages_a_turn;
        take_frames(std::exchange(in_, {}));
        // What TLS has decrypted already, epoll announces to nobody.
        if (state_ != State::finished) read();
        if (state_ != State::finished) update_watch();
    } catch (...) {
        doom("out of memory");
        end_if_doomed();
    }
}

std::shared_ptr<Connection*> Connection::handle() {
    if (!handle_) handle_ = std::make_shared<Connection*>(this);
    return handle_;
}

bool Connection::handshake() {
    switch (stream_->handshake().status) {
        case net::IoStatus::done:
            state_ = State::head;
            return true;
        case net::IoStatus::want_read:
            break;
        case net::IoStatus::want_write:
            want_write_ = true;
            break;
        case net::IoStatus::closed:
        case net::IoStatus::failed:
            finish();
            return false;
    }
    update_watch();
    return false;
}

void Connection::read() {
    if (deaf()) return;
    static thread_local std::array<char, read_size> buffer;
    for (int i = 0; !sated() && (i < reads_a_turn || stream_->has_buffered()); ++i) {
        const net::IoResult result = stream_->read(buffer.data(), buffer.size());
        if (result.status == net::IoStatus::want_read) return;
        if (result.status == net::IoStatus::want_write) {
            want_write_ = true;
            return;
        }
        if (result.status == net::IoStatus::closed && !drained_ &&
            (state_ == State::waiting || state_ == State::answering)) {
            asked_all_ = true;  // it has nothing more to say, but listens
            return;
        }
        if (result.status != net::IoStatus::done) {
            gone("the connection was lost");
            finish();
            return;
        }
        last_heard_ = Clock::now();
        take({buffer.data(), result.bytes});
        if (state_ == State::finished) return;
    }
}

void Connection::take(std::string_view data) {
    switch (state_) {
        case State::head:
            in_ += data;
            take_head();
            break;
        case State::body:
            in_ += data;
            if (in_.size() >= request_->content_length) deliver_request();
            break;
        case State::websocket:
            take_frames(data);
            break;
        case State::handshake:
        case State::waiting:
        case State::answering:
        case State::closing:
        case State::finished:
            break;  // read and dropped, so that the other side gets our last words and no reset
    }
}

void Connection::take_head() {
    ParsedHead head = parse_head(in_, limits_->head_size);
    if (head.refusal) {
        respond({head.refusal->status, R"({"error":")" + head.refusal->reason + "\"}", "application/json", {}});
        return;
    }
    if (head.length == 0) return;
    in_.erase(0, head.length);
    request_ = std::make_unique<Request>(std::move(head.request));
    state_ = State::body;
    if (in_.size() >= request_->content_length) deliver_request();
}

void Connection::deliver_request() {
    const auto request = std::move(request_);
    std::string rest = std::exchange(in_, {});
    std::string body = rest.substr(0, request->content_length);
    rest.erase(0, request->content_length);
    state_ = State::waiting;
    owner_.on_request(*this, std::move(*request), std::move(body));
    if (state_ == State::websocket) take_frames(rest);
}

void Connection::respond(const Response& response, bool head_only) {
    const bool asked = state_ == State::head || state_ == State::waiting;
    if (!asked || doomed_ != nullptr) return;
    state_ = State::answering;
    in_ = {};
    if (queue_.push(std::make_shared<const std::string>(serialise(response, head_only)), SendQueue::Kind::message) !=
        SendQueue::Pushed::queued)
        return doom("its queue is full");
    deadline_ = std::min(deadline_, Clock::now() + limits_->register_time);
    flush();
    if (state_ != State::finished) update_watch();
}

void Connection::upgrade(std::string_view accept) {
    state_ = State::websocket;
    websocket_ = true;
    // Spread over the interval: after a restart all come at once, and would be asked at once ever after.
    static thread_local std::minstd_rand chance{std::random_device{}()};
    std::uniform_int_distribution<std::int64_t> part(limits_->ping_interval.count() / 2,
                                                     limits_->ping_interval.count());
    next_ping_ = Clock::now() + std::chrono::milliseconds(part(chance));
    std::string head =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    head += accept;
    head += "\r\n\r\n";
    send(std::make_shared<const std::string>(std::move(head)));
}

void Connection::take_frames(std::string_view data) {
    while (!data.empty() && state_ == State::websocket && doomed_ == nullptr) {
        if (messages_left_ == 0) {
            in_ = data;
            return owner_.on_unfinished(*this);
        }
        const FrameDecoder::Event event = decoder_.next(data);
        if (event.kind == FrameDecoder::Kind::need_more) return;
        --messages_left_;
        take_event(event);
    }
}

void Connection::take_event(const FrameDecoder::Event& event) {
    using Kind = FrameDecoder::Kind;
    switch (event.kind) {
        case Kind::need_more:
            break;
        case Kind::error:
            gone("it broke the websocket protocol");
            close_with(event.code, event.data);
            break;
        case Kind::closed:
            gone("it closed");
            close_with(event.code == 1005 ? close_code::normal : event.code, "");
            break;
        case Kind::text:
        case Kind::ping:
        case Kind::pong:
            if (!allow_message()) {
                gone("it sent too many messages a second");
                close_with(close_code::policy, "too many messages a second");
            } else if (event.kind == Kind::text) {
                owner_.on_message(*this, event.data);
            } else if (event.kind == Kind::ping) {
                send(pong_frame(event.data), SendQueue::Kind::control);
            }
            break;
    }
}

bool Connection::allow_message() {
    const double rate = limits_->messages_per_second;
    const std::chrono::duration<double> passed = last_heard_ - tokens_at_;
    tokens_at_ = last_heard_;
    tokens_ = std::min(burst * rate, tokens_ + passed.count() * rate) - 1;
    return tokens_ >= 0;
}

bool Connection::send(const Frame& frame, SendQueue::Kind kind) {
    if (state_ != State::websocket || doomed_ != nullptr) return false;
    std::size_t at_once = 0;
    const bool direct = queue_.empty();
    if (direct) {
        const net::IoResult result = stream_->write(frame->data(), frame->size());
        if (result.status == net::IoStatus::failed || result.status == net::IoStatus::closed) {
            doom("the connection was lost");
            return false;
        }
        at_once = result.bytes;
        if (at_once == frame->size()) return true;
    }
    // What has begun to leave must leave whole, though it was of a kind that may be left out.
    const bool begun = direct && kind == SendQueue::Kind::relayed;
    const auto pushed = queue_.push(frame, begun ? SendQueue::Kind::message : kind);
    if (pushed == SendQueue::Pushed::overflow) doom("it does not read what it is sent");
    if (pushed != SendQueue::Pushed::queued) return false;
    if (direct) {
        queue_.front();
        if (at_once > 0) queue_.sent(at_once);
    }
    want_write_ = true;
    update_watch();
    return true;
}

void Connection::flush() {
    while (!queue_.empty()) {
        const std::string_view data = queue_.front();
        const net::IoResult result = stream_->write(data.data(), data.size());
        if (result.status == net::IoStatus::want_read) return;
        if (result.status == net::IoStatus::want_write) {
            want_write_ = true;
            return;
        }
        if (result.status != net::IoStatus::done) {
            // Bytes may still wait to be read, a close frame among them; the next read tells the end.
            doom("the connection was lost");
            return;
        }
        queue_.sent(result.bytes);
    }
    if ((state_ == State::answering || state_ == State::closing) && !std::exchange(drained_, true)) {
        stream_->finish();
        deadline_ = std::min(deadline_, Clock::now() + closing_time);
    }
}

void Connection::update_watch() {
    const std::uint32_t wanted = (deaf() || sated() ? 0U : EPOLLIN) | (want_write_ || !queue_.empty() ? EPOLLOUT : 0U);
    if (wanted == watched_) return;
    watched_ = wanted;
    reactor_.modify(watch_, stream_->fd(), wanted);
}

void Connection::gone(const char* why) {
    if (websocket_ && !std::exchange(gone_told_, true)) owner_.on_gone(*this, why);
}

void Connection::close(std::uint16_t code, std::string_view reason) {
    gone_told_ = true;
    if (state_ == State::websocket)
        close_with(code, reason);
    else if (state_ != State::closing && state_ != State::answering)
        abort();
}

void Connection::close_with(std::uint16_t code, std::string_view reason) {
    if (state_ != State::websocket) return;
    send(close_frame(code, reason));
    state_ = State::closing;
    deadline_ = Clock::now() + closing_time;
    if (doomed_ == nullptr) flush();
    update_watch();
}

void Connection::abort() {
    gone_told_ = true;
    doom("aborted");
}

void Connection::set_registered() noexcept {
    if (state_ == State::websocket) deadline_ = never;
}

void Connection::doom(const char* why) {
    if (doomed_ != nullptr || state_ == State::finished) return;
    doomed_ = why;
    owner_.on_doomed(*this);
}

void Connection::end_if_doomed() {
    if (doomed_ == nullptr || state_ == State::finished) return;
    gone(doomed_);
    finish();
}

void Connection::finish() {
    if (state_ == State::finished) return;
    state_ = State::finished;
    reactor_.remove(watch_, stream_->fd());
    owner_.on_finished(*this);
}

void Connection::forgive(Clock::duration stall) noexcept {
    if (deadline_ != never) deadline_ += stall;
    last_heard_ += stall;
}

void Connection::tick(Clock::time_point now) {
    if (state_ == State::finished || doomed_ != nullptr) return;
    if (now >= deadline_) {
        if (state_ == State::websocket) {
            gone("it did not register in time");
            close_with(close_code::policy, "register within the time allowed");
        } else {
            finish();
        }
        return;
    }
    if (state_ != State::websocket) return;
    if (now - last_heard_ >= limits_->dead_after) {
        gone("nothing was heard of it");
        finish();
    } else if (now >= next_ping_) {
        static const Frame ping = ping_frame("");
        next_ping_ = now + limits_->ping_interval;
        send(ping, SendQueue::Kind::control);
    }
}

}  // namespace matriz::http

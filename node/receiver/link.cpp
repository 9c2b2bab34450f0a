// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/link.hpp"

#include <exception>
#include <random>
#include <utility>

#include "common/base/error.hpp"
#include "node/gst/pipeline.hpp"
#include "node/receiver/connection.hpp"
#include "node/receiver/explain.hpp"
#include "node/receiver/metrics.hpp"

namespace matriz::receiver {
namespace {

constexpr std::chrono::milliseconds first_backoff{250};
// Short, so that a network that is back is noticed within a second or two; an attempt costs next to nothing.
constexpr std::chrono::milliseconds longest_backoff{1000};
constexpr std::chrono::milliseconds least_backoff{50};
constexpr std::chrono::milliseconds watch_interval{100};

}  // namespace

std::string_view name(State state) noexcept {
    switch (state) {
        case State::connecting:
            return "connecting";
        case State::playing:
            return "playing";
        case State::retrying:
            return "retrying";
    }
    return "unknown";
}

Link::Link(ReceiverConfig config)
    : config_(std::move(config)),
      log_("receiver " + config_.peer),
      backoff_(first_backoff, longest_backoff, std::random_device{}(), least_backoff) {
    status_.since = Clock::now();
    worker_.post([this] {
        connect();
        watchdog_ = glib::Source::every(
            watch_interval, [this] { watch(); }, worker_.context());
    });
}

Link::~Link() { stop(); }

void Link::stop() {
    worker_.post([this] {
        stopped_ = true;
        retry_.cancel();
        watchdog_.cancel();
        {
            const std::lock_guard lock(mutex_);
            sink_.reset();
        }
        connection_.reset();
    });
}

ReceiverStatus Link::status() const {
    gst::Ref<GstElement> sink;
    ReceiverStatus status;
    {
        const std::lock_guard lock(mutex_);
        status = status_;
        sink = sink_;
    }
    if (sink) status.playout = metrics_of(sink.get());
    return status;
}

void Link::enter(State state, std::string reason) {
    const std::lock_guard lock(mutex_);
    status_.state = state;
    status_.since = Clock::now();
    if (state != State::connecting) status_.reason = std::move(reason);
    if (state == State::connecting) ++status_.attempts;
}

void Link::connect() noexcept {
    if (stopped_) return;
    try {
        enter(State::connecting, {});
        packets_seen_ = 0;
        connection_ = std::make_unique<Connection>(config_, log_, worker_.context(),
                                                   [this](GstMessage* message) { on_bus(message); });
        const std::lock_guard lock(mutex_);
        sink_ = gst::Ref<GstElement>::share(connection_->sink());
    } catch (const std::exception& error) {
        fail(explain(describe(error)));
    }
}

void Link::fail(const std::string& reason) noexcept {
    try {
        {
            const std::lock_guard lock(mutex_);
            sink_.reset();
        }
        connection_.reset();
        const auto wait = backoff_.next();
        if (reason != said_) log_.warning("{}; trying again, from now on without saying so each time", reason);
        said_ = reason;
        log_.debug("attempt {} failed: {}; the next in {} ms", backoff_.attempts(), reason, wait.count());
        enter(State::retrying, reason);
        retry_ = glib::Source::after(
            wait, [this] { connect(); }, worker_.context());
    } catch (const std::exception&) {  // out of memory: the watchdog comes back to it
    }
}

void Link::watch() noexcept {
    if (stopped_) return;
    if (!connection_) {
        if (!retry_.active()) connect();
        return;
    }
    const auto now = Clock::now();
    const std::uint64_t packets = connection_->packets();
    if (packets != packets_seen_) last_packet_ = now;
    packets_seen_ = packets;
    State state;
    Clock::duration age;
    {
        const std::lock_guard lock(mutex_);
        state = status_.state;
        age = now - status_.since;
    }
    try {
        if (state == State::connecting && packets > 0)
            begin_playing();
        else if (state == State::connecting && age > connect_limit)
            fail(fmt::format("no sound came within {} s", connect_limit.count()));
        else if (state == State::playing && now - last_packet_ > silence_limit)
            fail(fmt::format("nothing came from it for {} s", silence_limit.count()));
        else if (state == State::playing && age > steady)
            backoff_.reset();
    } catch (const std::exception&) {  // out of memory: next time
    }
}

void Link::begin_playing() {
    const auto transport = connection_->transport();
    const auto codec = connection_->codec();
    enter(State::playing, {});
    said_.clear();
    log_.info("playing {} over {}, {}", codec, transport == "udp" ? "UDP" : "TCP",
              config_.tls ? "encrypted" : "in the clear");
    const std::lock_guard lock(mutex_);
    status_.transport = transport;
    status_.codec = codec;
    if (!status_.first_packet) status_.first_packet = connection_->first_packet();
}

std::string Link::why(const std::string& error) const {
    if (connection_ && connection_->refused())
        return "somebody else answers at its address, with another certificate; refused";
    std::string text = explain(error);
    // TLS 1.3 has the other side look at our certificate when the handshake is over for us already.
    if (text == error && connection_ && connection_->only_greeted())
        return "it does not accept this node's certificate, or not yet";
    return text;
}

void Link::on_bus(GstMessage* message) noexcept {
    try {
        switch (GST_MESSAGE_TYPE(message)) {
            case GST_MESSAGE_ERROR:
                fail(why(gst::error_text(message)));
                break;
            case GST_MESSAGE_EOS:
                fail("it ended its stream");
                break;
            case GST_MESSAGE_WARNING:
                log_.debug("{}", gst::error_text(message));
                break;
            default:
                break;
        }
    } catch (const std::exception&) {  // out of memory: the watchdog sees that nothing comes
    }
}

}  // namespace matriz::receiver

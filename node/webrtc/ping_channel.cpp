// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/ping_channel.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "node/webrtc/webrtc_api.hpp"

namespace matriz::webrtc {
namespace {

/// How much of a second's allowance is left. On the channel's thread.
struct Allowance {
    PingChannel::Clock::time_point since{};
    int used = 0;
    bool take(PingChannel::Clock::time_point now) {
        if (now - since >= std::chrono::seconds{1}) {
            since = now;
            used = 0;
        }
        return ++used <= PingChannel::most_a_second;
    }
};

struct Incoming {
    Mailbox<PingChannel>::Address to;
    std::function<void(PingChannel&, const PingBytes&, PingChannel::Clock::time_point)> take;
    std::shared_ptr<Allowance> allowance = std::make_shared<Allowance>();
};

/// The time is taken here: the object's own thread may be busy.
void on_data(GObject*, GBytes* data, gpointer held) noexcept {
    const auto now = PingChannel::Clock::now();
    const auto& incoming = *static_cast<Incoming*>(held);
    gsize size = 0;
    const auto* bytes = data != nullptr ? static_cast<const std::uint8_t*>(g_bytes_get_data(data, &size)) : nullptr;
    if (bytes == nullptr || size < ping_size || !incoming.allowance->take(now)) return;
    PingBytes ping;
    std::copy_n(bytes, ping_size, ping.begin());
    try {
        incoming.to.post([take = incoming.take, ping, now](PingChannel& self) { take(self, ping, now); });
    } catch (const std::exception&) {  // out of memory: another ping comes soon
    }
}

}  // namespace

PingChannel::PingChannel(GObject* channel, GMainContext* context, std::function<std::chrono::microseconds()> capture)
    : channel_(glib::Ref<GObject>::share(channel)),
      capture_(std::move(capture)),
      context_(context),
      mailbox_(*this, context) {
    connect_with(
        channel, "on-message-data", G_CALLBACK(on_data),
        Incoming{.to = mailbox_.address(), .take = [](PingChannel& self, const PingBytes& bytes, Clock::time_point at) {
                     self.take(bytes, at);
                 }});
    connect_with(channel, "on-open", G_CALLBACK(on_open), mailbox_.address());
}

void PingChannel::on_open(GObject*, gpointer held) noexcept {
    try {
        static_cast<Mailbox<PingChannel>::Address*>(held)->post([](PingChannel& self) {
            if (self.begun_) self.send();
        });
    } catch (const std::exception&) {  // out of memory: the timer comes
    }
}

PingChannel::~PingChannel() { mailbox_.close(); }

void PingChannel::begin() {
    if (std::exchange(begun_, true)) return;
    send();
    timer_ = glib::Source::every(
        interval, [this] { send(); }, context_);
}

void PingChannel::take(const PingBytes& bytes, Clock::time_point at) {
    const auto ping = decode_ping(bytes);
    if (!ping || !begun_ || !clock_.take(*ping, at.time_since_epoch())) return;
    last_heard_ = at;
    // The first answers need not wait: status knows the way's length at once.
    constexpr std::chrono::milliseconds pause{50};
    if (!clock_.estimate() && Clock::now() - last_sent_ > pause) send();
}

void PingChannel::send() {
    GstWebRTCDataChannelState state{};
    g_object_get(channel_.get(), "ready-state", &state, nullptr);
    if (state != GST_WEBRTC_DATA_CHANNEL_STATE_OPEN) return;
    // Nothing piles up while the network is away.
    guint64 buffered = 0;
    g_object_get(channel_.get(), "buffered-amount", &buffered, nullptr);
    if (buffered > 4 * ping_size) return;
    last_sent_ = Clock::now();
    const auto capture = std::clamp<std::int64_t>(capture_ ? capture_().count() : 0, -most_capture_us, most_capture_us);
    const auto bytes = encode(clock_.next(last_sent_.time_since_epoch(), static_cast<std::int32_t>(capture)));
    const auto data = glib::Ref<GBytes>::adopt(g_bytes_new(bytes.data(), bytes.size()));
    g_signal_emit_by_name(channel_.get(), "send-data", data.get());
}

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/flood_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "node/webrtc/mailbox.hpp"
#include "node/webrtc/streams.hpp"

namespace matriz::webrtc {
namespace {

using Clock = PacketAllowance::Clock;

constexpr std::chrono::seconds patience{3};
constexpr std::chrono::milliseconds pause{5};
constexpr auto packets_type = static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST);

struct PacketGuard {
    std::shared_ptr<const std::atomic<int>> allowed;
    Complaint complaint;
    PacketAllowance allowance{};
    bool told = false;
};

GstPadProbeReturn on_packet(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
    auto& guard = *static_cast<PacketGuard*>(data);
    const auto now = Clock::now();
    const int allowed = *guard.allowed;
    if (guard.allowance.take(now, allowed)) return GST_PAD_PROBE_OK;
    if (const auto since = guard.allowance.flooding_since(); !guard.told && since && now - *since >= patience) {
        try {
            guard.told = guard.complaint(
                fmt::format("it sent more than {} packets a second for {} s on end: nobody needs so many", allowed,
                            patience.count()));
        } catch (const std::exception&) {  // out of memory: at the next packet
        }
    }
    // Dropping alone would leave reading them. The socket's queue is bounded, and what does not fit into it costs next
    // to nothing.
    std::this_thread::sleep_for(pause);
    return GST_PAD_PROBE_DROP;
}

GstPadProbeReturn drop(GstPad*, GstPadProbeInfo*, gpointer) noexcept { return GST_PAD_PROBE_DROP; }

struct ChannelGuard {
    Complaint complaint;
    std::atomic<int> streams{0};
};

/// On the thread that hands packets in, in the middle of one.
void on_stream(GstElement* sctpdec, GstPad*, gpointer data) noexcept {
    auto& guard = **static_cast<std::shared_ptr<ChannelGuard>*>(data);
    if (++guard.streams < 2) return;
    if (guard.streams == 2) {
        const auto sink = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(sctpdec, "sink"));
        gst_pad_add_probe(sink.get(), packets_type, drop, nullptr, nullptr);
    }
    try {
        guard.complaint("it opened more data channels than one");
    } catch (const std::exception&) {  // out of memory: nothing comes from it any more, which will be noticed
    }
}

}  // namespace

bool PacketAllowance::take(Clock::time_point now, double a_second) noexcept {
    const double burst = std::max(least_burst, a_second / 2);
    if (!last_)
        left_ = burst;
    else
        left_ = std::min(burst, left_ + std::chrono::duration<double>(now - *last_).count() * a_second);
    last_ = now;
    // It is over once most of a burst would be let through again.
    if (left_ > burst / 2) since_.reset();
    if (left_ < 1) {
        if (!since_) since_ = now;
        return false;
    }
    left_ -= 1;
    return true;
}

int most_packets(const std::optional<Format>& incoming) {
    constexpr int others = 250;  // handshakes, reports, pings and what the other had on its way
    constexpr double spare = 1.25;
    constexpr int least_period = 16;
    constexpr int least_datagram = 1000;  // of sound, where a period is cut into several
    const auto stream = incoming ? stream_of(*incoming) : std::nullopt;
    if (!stream) return others;
    const auto& format = stream->format;
    const double rate = format.rate.hz;
    double packets = 0;
    if (format.codec == dsp::CodecId::opus)
        packets = 400;  // frames of 2.5 ms are the shortest
    else if (format.codec == dsp::CodecId::opus_custom)
        packets = rate / static_cast<double>(std::max<std::int64_t>(format.frame.count, least_period));
    else
        packets = rate / least_period + rate * format.channels * 4 / least_datagram;
    return others + static_cast<int>(packets * spare);
}

void guard_packets(GstElement* nicesrc, std::shared_ptr<const std::atomic<int>> allowed, Complaint complaint) {
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(nicesrc, "src"));
    gst_pad_add_probe(pad.get(), packets_type, on_packet,
                      new PacketGuard{.allowed = std::move(allowed), .complaint = std::move(complaint)},
                      [](gpointer data) { delete static_cast<PacketGuard*>(data); });
}

void guard_channels(GstElement* sctpdec, Complaint complaint) {
    auto guard = std::make_shared<ChannelGuard>();
    guard->complaint = std::move(complaint);
    connect_with(sctpdec, "pad-added", G_CALLBACK(on_stream), std::move(guard));
}

}  // namespace matriz::webrtc

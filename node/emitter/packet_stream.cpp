// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/packet_stream.hpp"

#include <algorithm>
#include <utility>

#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::emitter {

// RFC 3550, 5.1: SSRC, first sequence number and first timestamp are random.
PacketStream::PacketStream()
    : continuity_(g_random_int(), SeqNo{static_cast<std::uint16_t>(g_random_int())}, RtpTime{g_random_int()}) {}

void PacketStream::add(std::shared_ptr<PacketSink> sink) {
    const std::lock_guard lock(mutex_);
    sinks_.push_back(std::move(sink));
}

void PacketStream::remove(const PacketSink* sink) {
    std::shared_ptr<PacketSink> last;  // let go outside the lock: its end may take other locks
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(sinks_.begin(), sinks_.end(), [&](const auto& entry) { return entry.get() == sink; });
    if (found == sinks_.end()) return;
    last = std::move(*found);
    sinks_.erase(found);
}

std::size_t PacketStream::sinks() const {
    const std::lock_guard lock(mutex_);
    return sinks_.size();
}

void PacketStream::take_caps(GstCaps* caps) {
    if (encoder_caps_ && (encoder_caps_.get() == caps || gst_caps_is_equal(encoder_caps_.get(), caps) != FALSE)) return;
    encoder_caps_ = gst::Ref<GstCaps>::share(caps);
    auto ours = gst::Ref<GstCaps>::adopt(gst_caps_copy(caps));
    GstStructure* structure = gst_caps_get_structure(ours.get(), 0);
    gst_structure_remove_fields(structure, "seqnum-offset", "timestamp-offset", nullptr);
    gst_structure_set(structure, "ssrc", G_TYPE_UINT, continuity_.ssrc(), nullptr);
    gst_structure_get_int(structure, "clock-rate", &clock_rate_);
    if (!caps_ || gst_caps_is_equal(caps_.get(), ours.get()) == FALSE) caps_ = std::move(ours);
}

void PacketStream::deliver(gst::Ref<GstSample> sample) noexcept {
    if (GstCaps* caps = gst_sample_get_caps(sample.get())) take_caps(caps);
    GstBuffer* raw = gst_sample_get_buffer(sample.get());
    if (raw == nullptr || !caps_) return;
    // With the sample gone the buffer is ours alone, and nothing is copied.
    auto packet = gst::Ref<GstBuffer>::share(raw);
    sample.reset();
    packet = gst::Ref<GstBuffer>::adopt(gst_buffer_make_writable(packet.release()));
    GstMapInfo header = GST_MAP_INFO_INIT;
    const bool split =
        gst_buffer_n_memory(packet.get()) > 0 &&
        gst_memory_get_sizes(gst_buffer_peek_memory(packet.get(), 0), nullptr, nullptr) >= dsp::rtp_header_size;
    if (gst_buffer_map_range(packet.get(), 0, split ? 1 : -1, &header, GST_MAP_READWRITE) == FALSE) return;
    const bool rtp = continuity_.rewrite({header.data, header.size}, static_cast<std::uint32_t>(clock_rate_),
                                         RtpContinuity::Clock::now());
    gst_buffer_unmap(packet.get(), &header);
    if (!rtp) return;
    // Each sink has a clock of its own.
    GST_BUFFER_PTS(packet.get()) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DTS(packet.get()) = GST_CLOCK_TIME_NONE;
    packets_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(gst_buffer_get_size(packet.get()), std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    for (const auto& sink : sinks_) sink->push(caps_.get(), packet.get());
}

}  // namespace matriz::emitter

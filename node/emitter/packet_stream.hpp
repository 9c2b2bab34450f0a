// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "node/emitter/rtp_continuity.hpp"
#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// Somebody who wants the packets: the RTSP media, a WebRTC connection.
class PacketSink {
  public:
    virtual ~PacketSink() = default;
    /// Called on the capture thread for each packet: hand it on without waiting, drop rather than queue without bound.
    /// Both arguments are borrowed; `packet` is shared with the other sinks and must not be changed.
    virtual void push(GstCaps* caps, GstBuffer* packet) noexcept = 0;
};

/// One encoded stream: takes packets from whatever encoder runs at the moment, makes one uninterrupted RTP stream of
/// them, and hands each to every sink.
class PacketStream {
  public:
    PacketStream();

    /// From the next packet on. Any thread.
    void add(std::shared_ptr<PacketSink> sink);
    /// When it returns, no push() to `sink` runs or will begin. Any thread but the capture thread.
    void remove(const PacketSink* sink);

    /// Another encoder begins. Between two encoders, when neither delivers.
    void new_epoch() noexcept { continuity_.new_epoch(); }
    /// One packet of the encoder; takes over the sample. Only the capture thread.
    void deliver(gst::Ref<GstSample> sample) noexcept;

    std::uint64_t packets() const noexcept { return packets_.load(std::memory_order_relaxed); }
    std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    std::size_t sinks() const;
    /// Of every packet, for ever.
    std::uint32_t ssrc() const noexcept { return continuity_.ssrc(); }

  private:
    void take_caps(GstCaps* caps);

    RtpContinuity continuity_;
    gst::Ref<GstCaps> encoder_caps_;  ///< as the encoder gave them; only the capture thread
    gst::Ref<GstCaps> caps_;          ///< as the sinks get them; only the capture thread
    int clock_rate_ = 48000;
    std::atomic<std::uint64_t> packets_{0};
    std::atomic<std::uint64_t> bytes_{0};
    mutable std::mutex mutex_;  ///< guards sinks_; held while a packet is handed on, which never waits
    std::vector<std::shared_ptr<PacketSink>> sinks_;
};

}  // namespace matriz::emitter

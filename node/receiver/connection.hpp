// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/log.hpp"
#include "node/gst/bus_watch.hpp"
#include "node/gst/pipeline.hpp"
#include "node/receiver/config.hpp"
#include "node/receiver/srtp_keys.hpp"
#include "node/receiver/tls.hpp"

namespace matriz::receiver {

/// One attempt to hear a peer: RTSP over UDP, or TCP when no packet gets through, into the playout behind JACK. Made
/// and destroyed on one thread, which iterates `context`; both may take seconds.
class Connection {
  public:
    /// Throws Error when an element is missing. `on_message` gets what the pipeline's bus says, on `context`.
    Connection(const ReceiverConfig& config, const log::Logger& log, GMainContext* context,
               std::function<void(GstMessage*)> on_message);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Packets so far. Any thread.
    std::uint64_t packets() const noexcept { return packets_.load(std::memory_order_acquire); }
    /// When the first one came; call it once there are packets. Any thread.
    std::chrono::steady_clock::time_point first_packet() const noexcept {
        return std::chrono::steady_clock::time_point(
            std::chrono::nanoseconds(first_packet_ns_.load(std::memory_order_relaxed)));
    }
    /// "udp" or "tcp"; true once there are packets.
    std::string transport() const;
    /// Of the stream that plays, as the configuration names it; empty before.
    std::string codec() const;
    /// Somebody else than the peer answered, and was refused. Any thread.
    bool refused() const noexcept { return guard_ && guard_->refused(); }
    /// It is the peer, but has not said anything yet. Any thread.
    bool only_greeted() const noexcept { return guard_ && guard_->waits(); }
    GstElement* sink() const noexcept { return sink_; }

  private:
    struct Line;

    void start_sink(const GstCaps* caps) noexcept;
    void hasten_reports() const noexcept;

    static gboolean on_select_stream(GstElement*, guint number, GstCaps* caps, gpointer data) noexcept;
    static void on_sdp(GstElement*, GstSDPMessage* description, gpointer data) noexcept;
    static void on_element(GstBin*, GstBin*, GstElement* element, gpointer data) noexcept;
    static void on_pad_added(GstElement*, GstPad* pad, gpointer data) noexcept;
    static GstPadProbeReturn on_source(GstPad* pad, GstPadProbeInfo*, gpointer data) noexcept;
    void hear(GstPad* pad) const noexcept;
    static void on_new_manager(GstElement*, GstElement* manager, gpointer data) noexcept;
    static GstElement* on_request_jitterbuffer(GstElement*, guint session, gpointer data) noexcept;
    static GstPadProbeReturn on_line(GstPad*, GstPadProbeInfo* info, gpointer data) noexcept;
    static GstPadProbeReturn on_packet(GstPad*, GstPadProbeInfo*, gpointer data) noexcept;
    void count_packet(std::chrono::steady_clock::time_point now) noexcept;

    const log::Logger& log_;
    std::atomic<std::uint64_t> packets_{0};
    std::atomic<std::int64_t> first_packet_ns_{0};
    std::atomic<int> selected_{-1};  ///< number of the one stream that is played
    const int least_channels_;
    std::optional<TlsGuard> guard_;  ///< nothing: in the clear
    std::atomic<bool> admitted_{false};
    SrtpKeys keys_;
    gst::Pipeline pipeline_{"receiver"};
    GstElement* source_ = nullptr;
    GstElement* sink_ = nullptr;
    GstElement* manager_ = nullptr;  ///< rtspsrc's rtpbin; only its streaming threads

    /// Packets of one source and one payload type.
    struct Kind {
        int line = 0;
        int payload_type = 0;
        bool operator==(const Kind&) const = default;
    };
    // rtspsrc's streaming thread:
    std::chrono::steady_clock::time_point last_heard_;  ///< a packet for sink_
    int lines_ = 0;
    Kind passing_;  ///< what goes from pad to pad just now
    Kind heard_;    ///< what sink_ had last
    gst::BusWatch watch_;
};

/// The URL of a peer's stream.
std::string stream_url(const ReceiverConfig& config);

}  // namespace matriz::receiver

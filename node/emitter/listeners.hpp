// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace matriz::emitter {

/// What a receiver said about our stream in its last RTCP report (RFC 3550, 6.4.1).
struct ReceiverReport {
    double fraction_lost = 0;   ///< 0–1, since the report before
    std::int64_t lost = 0;      ///< packets, ever
    std::uint32_t highest = 0;  ///< extended sequence number of the last packet it got
    double jitter_ms = 0;
    double round_trip_ms = 0;
};

/// What one of an RTP session's "source-stats" reports of what was sent to it; nothing before its first report.
std::optional<ReceiverReport> report_in(const GstStructure* source, guint clock_rate);

/// Somebody who plays the stream.
struct Listener {
    std::string address;
    bool tcp = false;                      ///< RTP inside the RTSP connection; otherwise UDP
    bool webrtc = false;                   ///< over a WebRTC connection, without RTSP
    std::uint16_t port = 0;                ///< UDP: where RTP goes; TCP: the connection's
    double seconds = 0;                    ///< since it began
    bool red = false;                      ///< gets RED packets (RFC 2198)
    std::optional<ReceiverReport> report;  ///< nothing before the first; over TCP never, nothing gets lost there
};

/// Reads who listens out of the server's objects. Keeps only what it takes to say since when. One thread.
class Listeners {
  public:
    using Clock = std::chrono::steady_clock;
    std::vector<Listener> collect(GstRTSPServer* server, Clock::time_point now);

  private:
    std::map<std::string, Clock::time_point> since_;  ///< by address, transport and port
};

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/emitter/capture.hpp"
#include "node/emitter/config.hpp"
#include "node/emitter/meter.hpp"
#include "node/emitter/offer.hpp"
#include "node/emitter/recorder.hpp"
#include "node/emitter/rtsp_server.hpp"
#include "node/emitter/stream_rate.hpp"

namespace matriz::emitter {

/// What status shows of the sending side.
struct EmitterStatus {
    CaptureStatus capture;
    StreamRate rate{};          ///< of the stream in the configured codec
    std::vector<Level> levels;  ///< of what is sent, one for each channel
    std::uint64_t packets = 0;  ///< encoded since the start
    std::uint64_t bytes = 0;    ///< of RTP in them
    std::uint16_t rtsp_port = 0;
    std::vector<Listener> listeners;
    std::uint64_t refused = 0;  ///< requests answered with 403
    std::optional<RecordingStatus> recording;
};

/// The sending side of a node: one capture, one encoder, any number of listeners. Sends from construction to
/// destruction, whether or not JACK is there and anyone listens.
///
/// Make and destroy it on one thread; destroying waits until ports and sockets are closed (normally milliseconds). All
/// the rest: any thread but the audio thread, and never waits for the network or for JACK.
class Emitter {
  public:
    /// Throws Error when the RTSP server cannot listen or the config cannot be met (unknown interface, codec, network).
    explicit Emitter(const EmitterConfig& config);
    Emitter(const Emitter&) = delete;
    Emitter& operator=(const Emitter&) = delete;
    ~Emitter();

    /// The numeric addresses of the peers in the current client list, and the fingerprints of their certificates.
    void set_allowed(const std::vector<std::string>& peers, std::vector<std::string> fingerprints = {}) {
        server_.set_allowed(peers, std::move(fingerprints));
    }
    /// This machine's addresses have changed.
    void addresses_changed() { server_.addresses_changed(); }
    /// Where the stream is: "rtsp://192.168.1.7:8554/stream".
    std::string url() const { return server_.url(); }
    /// Ends the recording, for good; the stream goes on. For the beginning of the end: what comes then may wait for
    /// JACK, and be cut short. Waits for the disk.
    void close_recording();
    /// The encoded sound, for connections that do not come through RTSP.
    Offer& offer() noexcept { return *offer_; }
    EmitterStatus status() const;

  private:
    std::shared_ptr<Offer> offer_;
    Meter meter_;
    std::optional<Recorder> recorder_;
    RtspServer server_;
    Capture capture_;
};

}  // namespace matriz::emitter

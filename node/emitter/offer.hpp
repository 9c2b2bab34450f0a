// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "node/emitter/config.hpp"
#include "node/emitter/jack_timing.hpp"
#include "node/emitter/listeners.hpp"
#include "node/emitter/packet_stream.hpp"
#include "node/negotiation/variant.hpp"
#include "plugins/dsp/rtp/red.hpp"

namespace matriz::emitter {

/// The redundancy inside RED packets. Set by who hears of losses, read by the capture thread.
class RedundancySetting {
  public:
    void set(dsp::Redundancy redundancy) noexcept { packed_ = redundancy.depth * 16 + redundancy.distance; }
    /// RT-safe.
    dsp::Redundancy get() const noexcept { return {.depth = packed_ / 16, .distance = packed_ % 16}; }

  private:
    std::atomic<int> packed_{1};  ///< depth 0, distance 1
};

/// What a node offers: its sound in the configured codec, and in standard Opus for those who know no other, encoded
/// only while somebody takes it. Any thread but the audio thread.
class Offer {
  public:
    struct Encoding {
        StreamConfig config;
        std::shared_ptr<PacketStream> packets;
        bool always;  ///< encoded from start to stop; otherwise while it has sinks
    };

    /// Throws Error when the codec cannot be had.
    Offer(const StreamConfig& config, const std::optional<int>& fixed_redundancy);

    /// The configured one first.
    const std::vector<Encoding>& encodings() const noexcept { return encodings_; }
    PacketStream& main() const noexcept { return *encodings_.front().packets; }

    /// What the listener with this URL query gets (null: no query).
    negotiation::Variant choose(const char* query) const;
    /// The packets of a variant, before RED.
    std::shared_ptr<PacketStream> packets(const negotiation::Variant& variant) const;
    /// The query of the URL that most peers open.
    std::string usual_query() const;

    /// Nothing: chosen from the listeners' losses.
    const std::optional<int>& fixed_redundancy() const noexcept { return fixed_redundancy_; }
    RedundancySetting& redundancy() noexcept { return redundancy_; }

    /// Somebody who takes the packets otherwise than through RTSP, by a name of the caller's; nothing: no longer. What
    /// it reports counts for the redundancy like anybody's.
    void set_guest(const std::string& name, std::optional<Listener> listener);
    std::vector<Listener> guests() const;

    /// How JACK runs now. Returns true when what is offered has changed by it: listeners must ask again.
    bool set_timing(const JackTiming& timing);
    JackTiming timing() const;

  private:
    negotiation::Sender sender() const;

    std::vector<Encoding> encodings_;
    std::optional<int> fixed_redundancy_;
    RedundancySetting redundancy_;
    mutable std::mutex mutex_;  ///< guards the two below
    std::map<std::string, Listener> guests_;
    JackTiming timing_{.rate = SampleRate{48000}, .period = Frames{128}};
};

}  // namespace matriz::emitter

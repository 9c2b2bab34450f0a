// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "node/status/snapshot.hpp"

namespace matriz::status {
namespace {

/// A label's value: backslash, quote and line feed escaped (exposition format, "Comments, help text, and type").
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

std::string spelled(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return fmt::format("{:.12g}", value);
}
std::string spelled(std::uint64_t value) { return fmt::format("{}", value); }
std::string spelled(std::uint32_t value) { return fmt::format("{}", value); }
/// Prometheus counts in seconds.
template <class Rep, class Period>
std::string spelled(std::chrono::duration<Rep, Period> value) {
    return spelled(std::chrono::duration<double>(value).count());
}

class Page {
  public:
    /// Begins a metric; its samples follow.
    void metric(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    template <class T>
    void sample(std::string_view labels, const T& value) {
        text_ += labels.empty() ? fmt::format("{} {}\n", name_, spelled(value))
                                : fmt::format("{}{{{}}} {}\n", name_, labels, spelled(value));
    }
    template <class T>
    void single(std::string_view name, std::string_view type, std::string_view help, const std::optional<T>& value) {
        if (!value) return;
        metric(name, type, help);
        sample("", *value);
    }
    /// One sample a peer that knows the value.
    template <class Get>
    void each(const std::vector<Peer>& peers, std::string_view name, std::string_view type, std::string_view help,
              Get get) {
        bool begun = false;
        for (const Peer& peer : peers) {
            const auto value = get(peer);
            if (!value) continue;
            if (!std::exchange(begun, true)) metric(name, type, help);
            sample(fmt::format("peer=\"{}\"", escaped(peer.name)), *value);
        }
    }
    std::string take() { return std::move(text_); }

  private:
    std::string name_;
    std::string text_;
};

void add_node(Page& page, const Snapshot& s) {
    page.metric("matriz_info", "gauge", "The node and its version.");
    page.sample(fmt::format("name=\"{}\",version=\"{}\"", escaped(s.name), escaped(s.version)), std::uint32_t{1});
    page.metric("matriz_uptime_seconds", "gauge", "Time since the node started.");
    page.sample("", s.uptime);
    page.metric("matriz_jack_running", "gauge", "1 while the node is a client of the JACK server.");
    page.sample("", std::uint32_t{s.jack.state == "running" ? 1U : 0U});
    page.single("matriz_jack_rate_hertz", "gauge", "Sample rate of the JACK server.", s.jack.rate);
    page.single("matriz_jack_period_frames", "gauge", "Period of the JACK server.", s.jack.period);
    page.single("matriz_jack_xruns_total", "counter", "Periods that JACK lost.", s.jack.xruns);
    if (s.server.url.empty()) return;
    page.metric("matriz_server_registered", "gauge", "1 while the node is registered with the config server.");
    page.sample("", std::uint32_t{s.server.state == "registered" ? 1U : 0U});
}

void add_emitter(Page& page, const Emitter& emitter) {
    page.metric("matriz_listeners", "gauge", "Nodes and players that take the stream.");
    page.sample("", static_cast<std::uint64_t>(emitter.listeners.size()));
    page.metric("matriz_emitter_bitrate_bits_per_second", "gauge", "Bit rate of the encoded stream.");
    page.sample("", static_cast<std::uint64_t>(emitter.bitrate));
    page.single("matriz_emitter_level_dbfs", "gauge", "Peak level of what is sent.", emitter.level);
    page.metric("matriz_recording", "gauge", "1 while what is sent is recorded.");
    page.sample("", std::uint32_t{emitter.recording.empty() ? 0U : 1U});
    page.metric("matriz_recording_failed", "gauge", "1 after the recording stopped by itself.");
    page.sample("", std::uint32_t{emitter.recording_error.empty() ? 0U : 1U});
}

void add_peers(Page& page, const std::vector<Peer>& peers) {
    page.metric("matriz_peers", "gauge", "Nodes that this one wants to hear.");
    page.sample("", static_cast<std::uint64_t>(peers.size()));
    page.each(peers, "matriz_peer_playing", "gauge", "1 while the peer is heard.",
              [](const Peer& peer) { return std::optional<std::uint32_t>(peer.state == "playing" ? 1U : 0U); });
    const auto of = [](auto Peer::*member) { return [member](const Peer& peer) { return peer.*member; }; };
    page.each(peers, "matriz_peer_level_dbfs", "gauge", "Peak level of the peer.", of(&Peer::level));
    page.each(peers, "matriz_peer_target_delay_seconds", "gauge", "Playout delay aimed at.", of(&Peer::target));
    page.each(peers, "matriz_peer_delay_seconds", "gauge", "Playout delay there is.", of(&Peer::delay));
    page.each(peers, "matriz_peer_jitter_seconds", "gauge", "Jitter of the packets' arrival.", of(&Peer::jitter));
    page.each(peers, "matriz_peer_packets_received_total", "counter", "Packets received.", of(&Peer::received));
    page.each(peers, "matriz_peer_packets_lost_total", "counter", "Packets that never came.", of(&Peer::lost));
    page.each(peers, "matriz_peer_packets_late_total", "counter", "Packets that came too late to play.",
              of(&Peer::late));
    page.each(peers, "matriz_peer_packets_recovered_total", "counter", "Lost packets restored from redundancy.",
              of(&Peer::recovered));
    page.each(peers, "matriz_peer_packets_concealed_total", "counter", "Gaps that the codec covered up.",
              of(&Peer::concealed));
    page.each(peers, "matriz_peer_encrypted", "gauge", "1 when nobody on the way can listen.", [](const Peer& peer) {
        return peer.transport.empty() ? std::nullopt : std::optional<std::uint32_t>(peer.encrypted ? 1U : 0U);
    });
    page.each(peers, "matriz_peer_round_trip_seconds", "gauge", "Round trip of the network.", of(&Peer::round_trip));
    page.each(peers, "matriz_peer_one_way_seconds", "gauge", "From the peer's JACK port to this node's.",
              of(&Peer::one_way));
    page.each(peers, "matriz_peer_drift_ppm", "gauge", "Clock of the peer against the own one, parts per million.",
              of(&Peer::drift));
    page.each(peers, "matriz_peer_first_sound_seconds", "gauge", "From the client list to the first sound.",
              of(&Peer::first_sound));
}

}  // namespace

std::string to_prometheus(const Snapshot& snapshot) {
    Page page;
    add_node(page, snapshot);
    add_emitter(page, snapshot.emitter);
    add_peers(page, snapshot.peers);
    return page.take();
}

}  // namespace matriz::status

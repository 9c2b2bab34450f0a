// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <string_view>

#include "node/app/app.hpp"
#include "version.h"

namespace matriz::node {
namespace {

template <class Time>
status::Seconds age(Time since) {
    return std::chrono::duration_cast<status::Seconds>(Time::clock::now() - since);
}

std::string_view words(const jack::Status& now) {
    switch (now.state) {
        case jack::Status::State::open:
            return now.hangs ? "hangs" : "running";
        case jack::Status::State::lost:
            return "gone, waiting for it";
        case jack::Status::State::closed:
            return "waiting for it";
    }
    return "unknown";
}

status::Jack jack_snapshot(const jack::Client& client) {
    const jack::Status now = client.status();
    status::Jack jack{.state = std::string(words(now)), .server = client.server()};
    if (now.state != jack::Status::State::open) return jack;
    jack.rate = now.rate.hz;
    jack.period = static_cast<std::uint32_t>(now.period);
    jack.xruns = now.xruns;
    return jack;
}

status::Server server_snapshot(const control::Control& control) {
    const control::ServerStatus now = control.status();
    return {.url = now.url,
            .state = std::string(control::name(now.state)),
            .since = age(now.since),
            .last_error = now.last_error,
            .own_address = now.own_address,
            .reachable = now.reachable,
            .stun = protocol::first_stun(control.ice_servers())};
}

status::Emitter emitter_snapshot(const emitter::EmitterStatus& now, const NodeConfig& config) {
    status::Emitter sending{.state = now.capture.capturing ? "sending" : "silent: " + now.capture.reason,
                            .codec = std::string(dsp::name(config.codec)),
                            .frame = now.rate.packet,
                            .bitrate = now.rate.bitrate};
    for (int channel = 1; channel <= config.channels; ++channel)
        sending.ports.push_back(fmt::format("{}-send:in_send_{}", config.jack_client, channel));
    for (const emitter::Level& level : now.levels)
        sending.level = std::max(sending.level.value_or(status::silence), static_cast<double>(level.peak_db));
    for (const emitter::Listener& listener : now.listeners)
        sending.listeners.push_back({.address = listener.address,
                                     .transport = listener.webrtc ? "webrtc"
                                                  : listener.tcp  ? "tcp"
                                                                  : "udp",
                                     .since = status::Seconds(listener.seconds)});
    if (now.recording && now.recording->recording) sending.recording = now.recording->path;
    if (now.recording) sending.recording_error = now.recording->error;
    return sending;
}

double decibels(double level) {
    return level > 0 ? std::max(status::silence, 20 * std::log10(level)) : status::silence;
}

using Entry = mesh::Mesh<transport::PeerLink>::Entry;

std::string state_of(const transport::PeerStatus& now, bool hear) {
    if (now.way == transport::Way::none || (now.webrtc && now.webrtc->refused)) return "refused";
    if (now.receiver.state == receiver::State::playing && !hear) return "sending";
    return std::string(receiver::name(now.receiver.state));
}

std::string transport_of(const transport::PeerStatus& now, bool tls) {
    if (now.way != transport::Way::rtsp) return now.way == transport::Way::none ? "" : std::string(name(now.way));
    const std::string scheme = tls ? "rtsps" : "rtsp";
    return now.receiver.transport.empty() ? scheme : scheme + "/" + now.receiver.transport;
}

void add_connection(status::Peer& peer, const webrtc::LinkStatus& now) {
    peer.encrypted = now.verified;
    peer.fingerprint = now.peer_fingerprint;
    peer.path = now.path;
    peer.sending_codec = now.sending_codec;
    peer.sending_reason = now.sending_reason;
    peer.turn_trouble = now.turn_trouble;
    if (!now.remote_address.empty()) peer.via = now.remote_address;
    if (now.rtt_ms) peer.round_trip = status::Milliseconds(*now.rtt_ms);
    if (now.one_way_ms) peer.one_way = status::Milliseconds(*now.one_way_ms);
}

status::Peer peer_snapshot(const Entry& entry) {
    const transport::PeerStatus all = entry.receiver->status();
    const receiver::ReceiverStatus& now = all.receiver;
    const bool tls = entry.peer.rtsp_tls;
    status::Peer peer{.name = entry.peer.name,
                      .address = entry.peer.endpoint(),
                      .transport = transport_of(all, tls),
                      .why = all.why,
                      .encrypted = tls && all.way == transport::Way::rtsp,
                      .state = state_of(all, entry.peer.hear),
                      .reason = now.state == receiver::State::playing ? "" : now.reason,
                      .codec = now.codec,
                      .since = age(now.since)};
    if (all.webrtc) add_connection(peer, *all.webrtc);
    if (now.first_packet)
        peer.first_sound = std::chrono::duration_cast<status::Milliseconds>(*now.first_packet - entry.since) +
                           status::Milliseconds(now.playout.delay_ms);
    if (now.state != receiver::State::playing) return peer;
    const dsp::PlayoutMetrics& playout = now.playout;
    peer.level = decibels(playout.level_peak);
    peer.target = status::Milliseconds(playout.target_ms);
    peer.delay = status::Milliseconds(playout.delay_ms);
    peer.jitter = status::Milliseconds(playout.jitter_ms);
    peer.received = playout.received;
    peer.lost = playout.lost;
    peer.late = playout.late;
    peer.recovered = playout.recovered;
    peer.concealed = playout.concealed;
    peer.drift = playout.drift_ppm;
    return peer;
}

}  // namespace

status::Snapshot App::snapshot() const {
    status::Snapshot snapshot{.name = config_.name,
                              .version = MATRIZ_VERSION,
                              .uptime = age(started_),
                              .jack = jack_snapshot(*jack_),
                              .emitter = emitter_snapshot(emitter_.status(), config_)};
    if (control_) snapshot.server = server_snapshot(*control_);
    if (preparing_) snapshot.server.state = "preparing";
    if (mapper_) {
        const ports::Report report = mapper_->report();
        snapshot.router = {
            .state = std::string(ports::name(report.state)), .address = report.external, .text = report.text()};
    }
    for (const auto& [name, entry] : mesh_.entries()) snapshot.peers.push_back(peer_snapshot(entry));
    return snapshot;
}

}  // namespace matriz::node

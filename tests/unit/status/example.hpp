// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "node/status/snapshot.hpp"

namespace matriz::status::test {

/// A node with everything known, one peer that plays, and one of which nothing is known.
inline Snapshot example() {
    Snapshot node;
    node.name = "porto";
    node.version = "1.2.3";
    node.uptime = Seconds{8000.5};
    node.jack = {.state = "running", .server = "default", .rate = 48000, .period = 64, .xruns = 3};
    node.server = {.url = "ws://mesh.example:5000/config",
                   .state = "registered",
                   .since = Seconds{12},
                   .last_error = "",
                   .own_address = "203.0.113.7",
                   .reachable = true,
                   .stun = "mesh.example:3478"};
    node.router = {.state = "open", .address = "203.0.113.7", .text = "the router lets peers in"};
    node.emitter = {.state = "sending",
                    .ports = {"matriz-send:in_send_1", "matriz-send:in_send_2"},
                    .codec = "opus",
                    .frame = Milliseconds{2.5},
                    .bitrate = 128000,
                    .level = -18.25,
                    .listeners = {{.address = "10.0.0.2", .transport = "udp", .since = Seconds{4}}},
                    .recording = "/tmp/2026-01-01.wav",
                    .recording_error = "the disk is full"};
    Peer lisboa;
    lisboa.name = "lisboa";
    lisboa.address = "10.0.0.2:8554";
    lisboa.transport = "webrtc";
    lisboa.why = "both nodes can";
    lisboa.encrypted = true;
    lisboa.path = "relay";
    lisboa.via = "203.0.113.9:3478";
    lisboa.round_trip = Milliseconds{21.5};
    lisboa.one_way = Milliseconds{18.75};
    lisboa.fingerprint = "AB:CD";
    lisboa.state = "playing";
    lisboa.codec = "opus";
    lisboa.sending_codec = "opus";
    lisboa.sending_reason = "it does not know pcm16";
    lisboa.turn_trouble = "no relay";
    lisboa.level = -20;
    lisboa.target = Milliseconds{4};
    lisboa.delay = Milliseconds{4.125};
    lisboa.jitter = Milliseconds{0.3};
    lisboa.received = 18'446'744'073'709'551'615U;
    lisboa.lost = 12;
    lisboa.late = 3;
    lisboa.recovered = 2;
    lisboa.concealed = 13;
    lisboa.drift = -12.4;
    lisboa.since = Seconds{99};
    lisboa.first_sound = Milliseconds{212.3};
    Peer braga;
    braga.name = "braga";
    braga.address = "[::1]:8554";
    braga.transport = "rtsp/udp";
    braga.state = "waiting";
    braga.reason = "refused the connection";
    node.peers = {lisboa, braga};
    return node;
}

}  // namespace matriz::status::test

// SPDX-License-Identifier: GPL-3.0-or-later
// The other end of a link, in a process of its own that a test can stop or kill: signals as lines of JSON on its
// standard input and output.
#include <cstdio>
#include <iostream>
#include <mutex>
#include <string>

#include "common/protocol/json.hpp"
#include "node/gst/init.hpp"
#include "node/webrtc/link.hpp"
#include "tests/unit/webrtc/tone.hpp"

int main(int argc, char** argv) {
    using namespace matriz;
    if (argc != 7) {
        std::fprintf(stderr, "link_peer OWN_NAME PEER FINGERPRINT IDENTITY_FOLDER JACK_SERVER CODEC\n");
        return 2;
    }
    gst::initialise();
    const auto identity = identity::Identity::load_or_make(argv[4]);
    webrtc::test::Tone tone({.codec = dsp::codec_from_name(argv[6]).value_or(dsp::CodecId::opus)}, 0.5);
    webrtc::LinkConfig config;
    config.own_name = argv[1];
    config.peer = argv[2];
    config.fingerprint = argv[3];
    config.identity = &identity;
    config.offer = &tone.offer;
    config.jack_client = "link-peer";
    config.jack_server = argv[5];
    config.ask = [] { return negotiation::ask_for_everything(SampleRate{48000}, Frames{64}); };
    config.signal = [](const Json::Value& body) {
        std::printf("%s\n", protocol::write(body).c_str());
        std::fflush(stdout);
    };
    webrtc::Link link(std::move(config));
    for (std::string line; std::getline(std::cin, line);) link.receive(protocol::parse_object(line));
    return 0;
}

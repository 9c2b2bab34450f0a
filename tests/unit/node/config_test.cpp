// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/config/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace matriz::node {
namespace {

NodeConfig read(const std::string& text, config::Problems& warnings) {
    return schema().load(config::Document::parse(text, "client.json"), warnings);
}

NodeConfig read(const std::string& text) {
    config::Problems warnings;
    return read(text, warnings);
}

/// The whole text of the error that `text` must give.
std::string error_of(const std::string& text) {
    try {
        read(text);
    } catch (const config::ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(NodeConfig, DefaultsAreTheOriginals) {
    const NodeConfig config = read("{}");
    EXPECT_EQ(config.key, "key2");
    EXPECT_EQ(config.name, "");
    EXPECT_EQ(config.port, 8554);
    EXPECT_FALSE(config.record);
    EXPECT_TRUE(config.receive);
    EXPECT_EQ(config.server_url(), "ws://127.0.0.1:5000/config");
    EXPECT_EQ(config.jack_client, "matriz");
    EXPECT_EQ(config.channels, 2);
    EXPECT_EQ(config.frame, 2.5);
    EXPECT_EQ(config.udp_ports, (PortRange{8600, 8700}));
    EXPECT_EQ(config.control, (HostPort{"127.0.0.1", 8555}));
}

TEST(NodeConfig, SecurityKeys) {
    const NodeConfig plain = read("{}");
    EXPECT_EQ(plain.transport, Transport::automatic);
    EXPECT_EQ(plain.trust, Trust::server);
    EXPECT_EQ(plain.rtsp_security, RtspSecurity::plain);
    const NodeConfig config = read(R"({"transport":"rtsp","trust":"pinned","rtsp_security":"tls","state_dir":"/x"})");
    EXPECT_EQ(config.transport, Transport::rtsp);
    EXPECT_EQ(config.trust, Trust::pinned);
    EXPECT_EQ(config.rtsp_security, RtspSecurity::tls);
    EXPECT_EQ(config.state_folder(), "/x");
    EXPECT_EQ(error_of(R"({"transport":"pigeon"})"),
              R"(client.json:1: transport: "pigeon" is not known; accepted: one of "auto", "webrtc", "rtsp")");
}

TEST(NodeConfig, StateFolderFollowsTheEnvironment) {
    ::setenv("XDG_STATE_HOME", "/home/ana/state", 1);
    ::setenv("STATE_DIRECTORY", "/var/lib/matriz:/var/lib/other", 1);
    EXPECT_EQ(NodeConfig{}.state_folder(), "/var/lib/matriz");
    ::unsetenv("STATE_DIRECTORY");
    EXPECT_EQ(NodeConfig{}.state_folder(), "/home/ana/state/matriz");
    ::unsetenv("XDG_STATE_HOME");
}

TEST(NodeConfig, TakesTheOriginalsFileWithItsNullsAndPython) {
    config::Problems warnings;
    const NodeConfig config = read(R"({
        "key": "k", "name": "porto", "url": "ws://example.org:5000/config", "port": 8600, "record": false,
        "receive": true, "client_pem": "", "client_crt": "", "ca_crt": "",
        "receive_from_ip": null, "receive_from_port": null,
        "python": "/usr/bin/python3"
    })",
                                   warnings);
    EXPECT_EQ(config.port, 8600);
    EXPECT_EQ(config.receive_from_port, 8554);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].str(), "client.json:5: python: ignored: this matriz needs no Python");
}

TEST(NodeConfig, AnUnknownKeyIsAWarningWithAHint) {
    config::Problems warnings;
    read("{\n\"chanels\": 1,\n\"qwertz\": 2}", warnings);
    ASSERT_EQ(warnings.size(), 2U);
    EXPECT_EQ(warnings[0].str(), "client.json:2: chanels: unknown key, ignored; did you mean \"channels\"?");
    EXPECT_EQ(warnings[1].str(), "client.json:3: qwertz: unknown key, ignored");
}

TEST(NodeConfig, EveryErrorIsReportedAtOnceWithItsLine) {
    EXPECT_EQ(error_of("{\n\"port\": 70000,\n\"receive\": 1\n}"),
              "client.json:2: port: 70000 is out of range; accepted: an integer from 1 to 65535\n"
              "client.json:3: receive: 1 is neither true nor false; accepted: true or false");
}

struct Bad {
    const char* text;
    const char* error;
};
class NodeConfigError : public testing::TestWithParam<Bad> {};

TEST_P(NodeConfigError, NamesKeyAndFix) { EXPECT_EQ(error_of(GetParam().text), GetParam().error); }

INSTANTIATE_TEST_SUITE_P(
    All, NodeConfigError,
    testing::Values(
        Bad{R"({"key": 5})", "client.json:1: key: 5 is not a string; accepted: a string"},
        Bad{R"({"name": "a\u0007"})", "client.json:1: name: has control characters; accepted: up to 64 bytes of text"},
        Bad{R"({"url": "http://x/config"})",
            "client.json:1: url: \"http://x/config\" does not start with ws:// or wss://; accepted: a ws:// or wss:// "
            "URL, or empty"},
        Bad{R"({"url": "ws:///config"})",
            "client.json:1: url: \"ws:///config\" names no host; accepted: a ws:// or wss:// URL, or empty"},
        Bad{R"({"port": "x"})", "client.json:1: port: \"x\" is not an integer; accepted: an integer from 1 to 65535"},
        Bad{R"({"ca_crt": "/does/not/exist"})",
            "client.json:1: ca_crt: there is no file \"/does/not/exist\"; accepted: the path of a PEM file"},
        Bad{R"({"jack_client": "a:b"})",
            "client.json:1: jack_client: has a colon, which JACK does not allow; accepted: up to 48 bytes of text "
            "without a colon"},
        Bad{R"({"jack_connect": [["a"]]})",
            "client.json:1: jack_connect: [\"a\"] is not a pair of port names; accepted: \"auto\", \"none\", or a list "
            "of [\"from\", \"to\"] pairs of JACK ports"},
        Bad{R"({"channels": 9})", "client.json:1: channels: 9 is out of range; accepted: an integer from 1 to 8"},
        Bad{R"({"codec": "mp3"})",
            "client.json:1: codec: \"mp3\" is not known; accepted: one of \"opus\", \"opus-custom\", \"pcm16\", "
            "\"pcm24\", \"float32\""},
        Bad{R"({"frame": 3})", "client.json:1: frame: 3 is not known; accepted: one of 2.5, 5, 10, 20"},
        Bad{R"({"bitrate": 500})",
            "client.json:1: bitrate: 500 is out of range; accepted: \"auto\" or an integer from 6000 to 4000000"},
        Bad{R"({"udp_ports": "8600"})", "client.json:1: udp_ports: \"8600\" has no dash; accepted: \"FIRST-LAST\""},
        Bad{R"({"udp_ports": "8601-8601"})",
            "client.json:1: udp_ports: \"8601-8601\" holds fewer than the two ports that one stream takes; accepted: "
            "\"FIRST-LAST\""},
        Bad{R"({"control": "8555"})",
            "client.json:1: control: \"8555\" is not HOST:PORT; accepted: \"ADDRESS:PORT\" or \"off\""},
        Bad{R"({"allow": ["10.0.0.0/33"]})",
            "client.json:1: allow: \"10.0.0.0/33\" is no network; accepted: a list of networks such as "
            "\"192.168.1.0/24\""},
        Bad{R"({"redundancy": 5})",
            "client.json:1: redundancy: 5 is out of range; accepted: \"auto\" or an integer from 0 to 4"},
        Bad{"{\"client_crt\": \"/etc/hostname\"}",
            "client.json:1: client_crt: client_crt and client_pem go together: a certificate and its private key"},
        Bad{"{\"bitrate\": 510000,\n\"frame\": 20}",
            "client.json:1: bitrate: bitrate 510000 with frames of 20 ms makes packets of 1275 bytes, more than the "
            "1100 that pass every network; lower bitrate or frame"},
        Bad{R"({"playout_min_ms": 50, "playout_max_ms": 20})",
            "client.json:1: playout_min_ms: playout_min_ms is above playout_max_ms"}));

TEST(NodeConfig, NoServerForADirectLinkUnlessAsked) {
    EXPECT_EQ(read(R"({"receive_from_ip": "10.0.0.2"})").server_url(), "");
    EXPECT_EQ(read(R"({"receive_from_ip": "10.0.0.2", "url": "ws://a"})").server_url(), "ws://a/config");
    EXPECT_EQ(read(R"({"url": ""})").server_url(), "");
}

TEST(NodeConfig, BitrateFollowsCodecFrameAndChannelsUnlessGiven) {
    EXPECT_EQ(read(R"({"channels": 1})").effective_bitrate(), 96000);
    EXPECT_EQ(read(R"({"frame": 5})").effective_bitrate(), 160000);
    EXPECT_EQ(read(R"({"frame": 20})").effective_bitrate(), 128000);
    EXPECT_EQ(read(R"({"codec": "opus-custom"})").effective_bitrate(), 288000);
    EXPECT_EQ(read(R"({"bitrate": 96000})").effective_bitrate(), 96000);
}

TEST(NodeConfig, ReadsPatchesAndControlOff) {
    const NodeConfig config =
        read(R"({"jack_connect": [["system:capture_1", "matriz-send:in_send_1"]], "control": "off"})");
    ASSERT_EQ(config.jack_connect.patches.size(), 1U);
    EXPECT_EQ(config.jack_connect.patches[0].to, "matriz-send:in_send_1");
    EXPECT_FALSE(config.control.has_value());
}

}  // namespace
}  // namespace matriz::node

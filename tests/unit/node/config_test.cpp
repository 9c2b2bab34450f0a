// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/config/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/identity/identity.hpp"

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
        Bad{R"({"name": "0123456789012345678901234567890123456789012345678901234567890123x"})",
            "client.json:1: name: longer than 64 bytes; accepted: up to 64 bytes of text"},
        Bad{R"({"name": "a\u0007"})", "client.json:1: name: has control characters; accepted: up to 64 bytes of text"},
        Bad{R"({"url": "ws://x:70000"})",
            "client.json:1: url: \"ws://x:70000\" is no URL (Port ‘70000’ in URI is out of range); accepted: a ws:// "
            "or "
            "wss:// URL, or empty"},
        Bad{R"({"url": "http://x/config"})",
            "client.json:1: url: \"http://x/config\" does not start with ws:// or wss://; accepted: a ws:// or wss:// "
            "URL, or empty"},
        Bad{R"({"url": "ws:///config"})",
            "client.json:1: url: \"ws:///config\" names no host; accepted: a ws:// or wss:// URL, or empty"},
        Bad{R"({"port": "x"})", "client.json:1: port: \"x\" is not an integer; accepted: an integer from 1 to 65535"},
        Bad{R"({"ca_crt": "/does/not/exist"})",
            "client.json:1: ca_crt: there is no file \"/does/not/exist\"; accepted: the path of a PEM file"},
        Bad{R"({"ca_crt": "/"})", "client.json:1: ca_crt: there is no file \"/\"; accepted: the path of a PEM file"},
        Bad{R"({"interface": "0123456789abcdef"})",
            "client.json:1: interface: \"0123456789abcdef\" is longer than 15 bytes; accepted: up to 15 bytes of text "
            "without spaces and slashes"},
        Bad{R"({"interface": "eth/0"})",
            "client.json:1: interface: \"eth/0\" cannot be the name of a network interface; accepted: up to 15 bytes "
            "of "
            "text without spaces and slashes"},
        Bad{R"({"interface": "eth 0"})",
            "client.json:1: interface: \"eth 0\" cannot be the name of a network interface; accepted: up to 15 bytes "
            "of "
            "text without spaces and slashes"},
        Bad{R"({"interface": ".."})",
            "client.json:1: interface: \"..\" cannot be the name of a network interface; accepted: up to 15 bytes of "
            "text without spaces and slashes"},
        Bad{R"({"receive_from_ip": "999.1.1.1"})",
            "client.json:1: receive_from_ip: \"999.1.1.1\" is neither the address nor the name of a host; accepted: an "
            "IP "
            "address or host name"},
        Bad{R"({"receive_from_ip": "10.0.0.2:8554"})",
            "client.json:1: receive_from_ip: \"10.0.0.2:8554\" is neither the address nor the name of a host; "
            "accepted: "
            "an IP address or host name"},
        Bad{R"({"receive_from_ip": "0.0.0.0"})",
            "client.json:1: receive_from_ip: \"0.0.0.0\" is neither the address nor the name of a host; accepted: an "
            "IP "
            "address or host name"},
        Bad{R"({"jack_client": ""})",
            "client.json:1: jack_client: empty; accepted: up to 48 bytes of text without a colon"},
        Bad{R"({"jack_client": "0123456789012345678901234567890123456789012345678"})",
            "client.json:1: jack_client: longer than 48 bytes; accepted: up to 48 bytes of text without a colon"},
        Bad{R"({"jack_client": "a:b"})",
            "client.json:1: jack_client: has a colon, which JACK does not allow; accepted: up to 48 bytes of text "
            "without a colon"},
        Bad{R"({"jack_connect": "all"})",
            "client.json:1: jack_connect: \"all\" is not known; accepted: \"auto\", \"none\", or a list of [\"from\", "
            "\"to\"] pairs of JACK ports"},
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
        Bad{R"({"bitrate": "many"})",
            "client.json:1: bitrate: \"many\" is neither \"auto\" nor an integer; accepted: \"auto\" or an integer "
            "from "
            "6000 to 4000000"},
        Bad{R"({"udp_ports": "8600-port"})",
            "client.json:1: udp_ports: \"8600-port\" has something else than ports from 1 to 65535; accepted: "
            "\"FIRST-LAST\""},
        Bad{R"({"udp_ports": "8600"})", "client.json:1: udp_ports: \"8600\" has no dash; accepted: \"FIRST-LAST\""},
        Bad{R"({"udp_ports": "8601-8601"})",
            "client.json:1: udp_ports: \"8601-8601\" holds fewer than the two ports that one stream takes; accepted: "
            "\"FIRST-LAST\""},
        Bad{R"({"control": "8555"})",
            "client.json:1: control: \"8555\" is not HOST:PORT; accepted: \"ADDRESS:PORT\" or \"off\""},
        Bad{R"({"control": "127.0.0.1:http"})",
            "client.json:1: control: \"127.0.0.1:http\" does not end with a port from 1 to 65535; accepted: "
            "\"ADDRESS:PORT\" or \"off\""},
        Bad{R"({"control": "porto:8555"})",
            "client.json:1: control: \"porto:8555\" is not an IP address in front of its port; accepted: "
            "\"ADDRESS:PORT\" or \"off\""},
        Bad{R"({"allow": "10.0.0.0/8"})",
            "client.json:1: allow: \"10.0.0.0/8\" is not a list; accepted: a list of networks such as "
            "\"192.168.1.0/24\""},
        Bad{R"({"allow": ["10.0.0.0/+8"]})",
            "client.json:1: allow: \"10.0.0.0/+8\" is no network; accepted: a list of networks such as "
            "\"192.168.1.0/24\""},
        Bad{R"({"allow": ["10.0.0.0/33"]})",
            "client.json:1: allow: \"10.0.0.0/33\" is no network; accepted: a list of networks such as "
            "\"192.168.1.0/24\""},
        Bad{R"({"redundancy": 5})",
            "client.json:1: redundancy: 5 is out of range; accepted: \"auto\" or an integer from 0 to 4"},
        Bad{"{\"bitrate\": 510000,\n\"frame\": 20}",
            "client.json:1: bitrate: bitrate 510000 with frames of 20 ms makes packets of 1275 bytes, more than the "
            "1100 that pass every network; lower bitrate or frame"},
        Bad{R"({"playout_min_ms": 50, "playout_max_ms": 20})",
            "client.json:1: playout_min_ms: playout_min_ms is above playout_max_ms"}));

TEST(NodeConfig, TakesAddressesNamesAndInterfacesAsPeopleWriteThem) {
    for (const char* address : {"", "10.0.0.2", "::1", "[::1]", "fe80::1%eth0", "porto", "porto.example.org"})
        EXPECT_EQ(read(fmt::format(R"({{"receive_from_ip": "{}"}})", address)).receive_from_ip, address);
    for (const char* name : {"", "eth0", "wlx0123456789ab", "eth0:1", "br-lan.7"})
        EXPECT_EQ(read(fmt::format(R"({{"interface": "{}"}})", name)).interface, name);
    EXPECT_EQ(read(R"({"allow": ["10.0.0.0/8", "fd00::/8", "::ffff:10.0.0.0/104", "192.168.1.7"]})").allow.size(), 4U);
}

/// All the warnings that a right config gives, each a line.
std::string warnings_of(const std::string& text) {
    config::Problems warnings;
    read(text, warnings);
    std::string lines;
    for (const config::Problem& warning : warnings) lines += warning.str() + "\n";
    return lines;
}

TEST(NodeConfig, WarnsOfWhatHasNoEffect) {
    EXPECT_EQ(warnings_of("{\n\"receive_from_port\": 8600}"),
              "client.json:2: receive_from_port: no effect without receive_from_ip\n");
    EXPECT_EQ(warnings_of(R"({"receive_from_port": 8600, "receive_from_ip": "10.0.0.2"})"), "");
    EXPECT_EQ(warnings_of(R"({"receive_from_port": null, "receive_from_ip": null})"), "");
    EXPECT_EQ(warnings_of("{\"receive\": false,\n\"receive_from_ip\": \"10.0.0.2\"}"),
              "client.json:2: receive_from_ip: no effect, since receive is false\n");
    EXPECT_EQ(warnings_of(R"({"receive": false})"), "");
}

TEST(NodeConfig, WarnsOfAnInterfaceThatIsNotThere) {
    EXPECT_EQ(
        warnings_of(R"({"interface": "matriz-none0"})"),
        "client.json:1: interface: there is no network interface \"matriz-none0\" now; matriz does not start before "
        "there is\n");
    EXPECT_EQ(warnings_of(R"({"interface": "lo"})"), "");
}

/// Two identities, whose PEM files hold a certificate and its key each, and a file that holds neither.
class NodeConfigFiles : public testing::Test {
  protected:
    NodeConfigFiles() {
        for (const char* who : {"/ana", "/rui"}) identity::Identity::load_or_make(folder_ + who);
        std::ofstream(text_) << "no certificate\n";
        std::ofstream(public_) << identity::Identity::load_or_make(folder_ + "/ana").certificate_pem();
    }
    ~NodeConfigFiles() override { std::filesystem::remove_all(folder_); }

    static std::string new_folder() {
        char pattern[] = "/tmp/matriz-config-XXXXXX";
        return ::mkdtemp(pattern);
    }

    const std::string folder_ = new_folder();
    const std::string ana_ = folder_ + "/ana/identity.pem";
    const std::string rui_ = folder_ + "/rui/identity.pem";
    const std::string text_ = folder_ + "/text";
    const std::string public_ = folder_ + "/certificate";
};

TEST_F(NodeConfigFiles, CertificatesAndKeysMustBeSome) {
    EXPECT_EQ(error_of(fmt::format(R"({{"client_crt": "{0}", "client_pem": "{0}", "ca_crt": "{1}"}})", ana_, rui_)),
              "no error");
    EXPECT_EQ(
        error_of(fmt::format(R"({{"ca_crt": "{}"}})", text_)),
        fmt::format("client.json:1: ca_crt: \"{}\" holds no certificate in PEM form; accepted: the path of a PEM file",
                    text_));
    EXPECT_EQ(
        error_of(fmt::format("{{\"client_crt\": \"{0}\",\n\"client_pem\": \"{1}\"}}", text_, public_)),
        fmt::format("client.json:1: client_crt: \"{}\" holds no certificate in PEM form; accepted: the path of a PEM "
                    "file\n"
                    "client.json:2: client_pem: \"{}\" holds no private key without a passphrase in PEM form; "
                    "accepted: the path of a PEM file",
                    text_, public_));
}

TEST_F(NodeConfigFiles, ACertificateAndItsKeyGoTogether) {
    for (const char* key : {"client_crt", "client_pem"})
        EXPECT_EQ(
            error_of(fmt::format(R"({{"{}": "{}"}})", key, ana_)),
            "client.json:1: client_crt: client_crt and client_pem go together: a certificate and its private key");
    EXPECT_EQ(error_of(fmt::format("{{\"client_crt\": \"{}\",\n\"client_pem\": \"{}\"}}", ana_, rui_)),
              fmt::format("client.json:2: client_pem: \"{}\" is not the private key of \"{}\"; accepted: the one that "
                          "client_crt was made for",
                          rui_, ana_));
}

TEST_F(NodeConfigFiles, OneThatCannotBeReadIsNamed) {
    if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
    std::filesystem::permissions(ana_, std::filesystem::perms::none);
    EXPECT_NE(error_of(fmt::format(R"({{"ca_crt": "{}"}})", ana_)).find("cannot be read (Failed to open file"),
              std::string::npos);
}

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

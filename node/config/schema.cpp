// SPDX-License-Identifier: GPL-3.0-or-later
#include <gio/gio.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "common/glib/error.hpp"
#include "common/glib/ref.hpp"
#include "common/protocol/limits.hpp"
#include "node/config/config.hpp"
#include "node/identity/key_pair.hpp"
#include "node/network/host.hpp"

namespace matriz::node {
namespace {

using config::as_json;
using config::Invalid;

constexpr int largest_payload = 1100;  // bytes: a datagram of 1200 less IP, UDP, RTP and RED headers

std::string string_of(const Json::Value& json) {
    if (!json.isString()) throw Invalid("{} is not a string", as_json(json));
    return json.asString();
}

std::optional<std::uint16_t> port_from(std::string_view digits) {
    unsigned number = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || stop != digits.data() + digits.size() || number < 1 || number > 65535)
        return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

std::string read_name(const Json::Value& json) {
    std::string text = string_of(json);
    if (text.size() > protocol::max_name) throw Invalid("longer than {} bytes", protocol::max_name);
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        throw Invalid("has control characters");
    return text;
}

std::string read_url(const Json::Value& json) {
    const std::string text = string_of(json);
    if (text.empty()) return text;
    glib::ErrorSlot error;
    const std::unique_ptr<GUri, decltype(&g_uri_unref)> uri(
        g_uri_parse(text.c_str(), static_cast<GUriFlags>(G_URI_FLAGS_PARSE_RELAXED | G_URI_FLAGS_SCHEME_NORMALIZE),
                    error.out()),
        g_uri_unref);
    if (!uri) throw Invalid("{} is no URL ({})", as_json(json), error.message());
    const std::string_view scheme = g_uri_get_scheme(uri.get());
    if (scheme != "ws" && scheme != "wss") throw Invalid("{} does not start with ws:// or wss://", as_json(json));
    const char* host = g_uri_get_host(uri.get());
    if (host == nullptr || *host == '\0') throw Invalid("{} names no host", as_json(json));
    const std::string_view path = g_uri_get_path(uri.get());
    if (!path.empty() && path != "/") return text;
    return text + (text.ends_with('/') ? "config" : "/config");
}

/// Throws Invalid.
std::string contents(const std::string& path) {
    if (!g_file_test(path.c_str(), G_FILE_TEST_IS_REGULAR))
        throw Invalid("there is no file {}", as_json(Json::Value(path)));
    gchar* text = nullptr;
    gsize size = 0;
    glib::ErrorSlot error;
    if (g_file_get_contents(path.c_str(), &text, &size, error.out()) == FALSE)
        throw Invalid("{} cannot be read ({})", as_json(Json::Value(path)), error.message());
    const std::unique_ptr<gchar, decltype(&g_free)> owned(text, g_free);
    return {text, size};
}

/// "" stands for none, as in the original.
std::string read_certificate(const Json::Value& json) {
    std::string path = string_of(json);
    if (!path.empty() && !identity::holds_certificate(contents(path)))
        throw Invalid("{} holds no certificate in PEM form", as_json(json));
    return path;
}

std::string read_private_key(const Json::Value& json) {
    std::string path = string_of(json);
    if (!path.empty() && !identity::holds_private_key(contents(path)))
        throw Invalid("{} holds no private key without a passphrase in PEM form", as_json(json));
    return path;
}

/// The kernel's rules for names, and ':' for an address with a label of its own ("eth0:1"). Whether it is there now is
/// not asked: a card may come later.
std::string read_interface(const Json::Value& json) {
    std::string text = string_of(json);
    if (text.size() >= IFNAMSIZ) throw Invalid("{} is longer than {} bytes", as_json(json), IFNAMSIZ - 1);
    const auto impossible = [](unsigned char c) { return c <= 0x20 || c == 0x7f || c == '/'; };
    if (text == "." || text == ".." || std::any_of(text.begin(), text.end(), impossible))
        throw Invalid("{} cannot be the name of a network interface", as_json(json));
    return text;
}

std::string read_address(const Json::Value& json) {
    std::string text = string_of(json);
    if (!text.empty() && !network::clean_address(text) && !network::is_host_name(text))
        throw Invalid("{} is neither the address nor the name of a host", as_json(json));
    return text;
}

/// JACK splits full port names at the first colon.
std::string read_jack_client(const Json::Value& json) {
    std::string text = read_name(json);
    if (text.empty()) throw Invalid("empty");
    if (text.size() > 48) throw Invalid("longer than 48 bytes");  // JACK_CLIENT_NAME_SIZE is 64, "-send" is added
    if (text.find(':') != std::string::npos) throw Invalid("has a colon, which JACK does not allow");
    return text;
}

JackConnect read_jack_connect(const Json::Value& json) {
    if (json == "auto") return {JackConnect::Mode::automatic, {}};
    if (json == "none") return {JackConnect::Mode::none, {}};
    if (!json.isArray()) throw Invalid("{} is not known", as_json(json));
    JackConnect connect{JackConnect::Mode::list, {}};
    for (const Json::Value& pair : json) {
        if (!pair.isArray() || pair.size() != 2 || !pair[0].isString() || !pair[1].isString())
            throw Invalid("{} is not a pair of port names", as_json(pair));
        connect.patches.push_back({pair[0].asString(), pair[1].asString()});
    }
    return connect;
}

std::optional<int> read_auto_or(const Json::Value& json, int least, int most) {
    if (json == "auto") return std::nullopt;
    if (!json.isIntegral()) throw Invalid("{} is neither \"auto\" nor an integer", as_json(json));
    if (!json.isInt() || json.asInt() < least || json.asInt() > most)
        throw Invalid("{} is out of range", as_json(json));
    return json.asInt();
}

PortRange read_udp_ports(const Json::Value& json) {
    const std::string text = string_of(json);
    const auto dash = text.find('-');
    if (dash == std::string::npos) throw Invalid("{} has no dash", as_json(json));
    const auto first = port_from(std::string_view(text).substr(0, dash));
    const auto last = port_from(std::string_view(text).substr(dash + 1));
    if (!first || !last) throw Invalid("{} has something else than ports from 1 to 65535", as_json(json));
    if (*last < *first + 1) throw Invalid("{} holds fewer than the two ports that one stream takes", as_json(json));
    return {*first, *last};
}

std::optional<HostPort> read_control(const Json::Value& json) {
    const std::string text = string_of(json);
    if (text == "off") return std::nullopt;
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) throw Invalid("{} is not HOST:PORT", as_json(json));
    const auto port = port_from(std::string_view(text).substr(colon + 1));
    if (!port) throw Invalid("{} does not end with a port from 1 to 65535", as_json(json));
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (!g_hostname_is_ip_address(host.c_str()) && host != "localhost")
        throw Invalid("{} is not an IP address in front of its port", as_json(json));
    return HostPort{host, *port};
}

std::vector<std::string> read_allow(const Json::Value& json) {
    if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
    std::vector<std::string> networks;
    for (const Json::Value& item : json) {
        glib::ErrorSlot error;
        const auto mask = glib::Ref<GInetAddressMask>::adopt(
            item.isString() ? g_inet_address_mask_new_from_string(item.asCString(), error.out()) : nullptr);
        // GLib takes "10.0.0.0/+8", too.
        if (!mask || item.asString().find_first_not_of("0123456789abcdefABCDEF:./") != std::string::npos)
            throw Invalid("{} is no network", as_json(item));
        networks.push_back(item.asString());
    }
    return networks;
}

void check_tls(NodeConfig& config) {
    if (config.client_crt.empty() != config.client_pem.empty())
        throw Invalid("client_crt and client_pem go together: a certificate and its private key");
}

void check_key_pair(NodeConfig& config) {
    if (!config.client_crt.empty() &&
        !identity::belong_together(contents(config.client_crt), contents(config.client_pem)))
        throw Invalid("\"{}\" is not the private key of \"{}\"; accepted: the one that client_crt was made for",
                      config.client_pem, config.client_crt);
}

void check_packet_size(NodeConfig& config) {
    if (config.codec != dsp::CodecId::opus) return;
    const double bytes = config.effective_bitrate() * config.frame / 8000;
    if (bytes > largest_payload)
        throw Invalid(
            "bitrate {} with frames of {} ms makes packets of {:.0f} bytes, more than the {} that pass every network; "
            "lower bitrate or frame",
            config.effective_bitrate(), config.frame, bytes, largest_payload);
}

void check_playout(NodeConfig& config) {
    if (config.playout_min_ms > config.playout_max_ms) throw Invalid("playout_min_ms is above playout_max_ms");
}

std::string advice_on_interface(const NodeConfig& config) {
    const std::string card = config.interface.substr(0, config.interface.find(':'));
    if (card.empty() || ::if_nametoindex(card.c_str()) != 0) return {};
    return fmt::format("there is no network interface \"{}\" now; matriz does not start before there is", card);
}

std::string advice_on_direct_port(const NodeConfig& config) {
    return config.receive_from_ip.empty() ? "no effect without receive_from_ip" : "";
}

std::string advice_on_direct_address(const NodeConfig& config) {
    return config.receive || config.receive_from_ip.empty() ? "" : "no effect, since receive is false";
}

void add_original_keys(config::Schema<NodeConfig>& s) {
    s.text("key", &NodeConfig::key, "The secret that the config server knows this node by.");
    s.value("name", &NodeConfig::name, "up to 64 bytes of text", "",
            "This node's name. Empty: the machine's host name.", read_name);
    s.value("url", &NodeConfig::url, "a ws:// or wss:// URL, or empty", NodeConfig{}.server_url(),
            "The config server. Empty, or left out beside receive_from_ip: none.",
            [](const Json::Value& json) -> std::optional<std::string> { return read_url(json); });
    s.value("interface", &NodeConfig::interface, "up to 15 bytes of text without spaces and slashes", "",
            "The network interface to serve the stream on, \"eth0\". Empty: all of them.", read_interface);
    s.integer<std::uint16_t>("port", &NodeConfig::port, 1, 65535, "TCP port of the RTSP server.");
    s.flag("record", &NodeConfig::record, "Also write what is sent to a file named after the time.");
    s.value("client_pem", &NodeConfig::client_pem, "the path of a PEM file", "", "Private key for client_crt.",
            read_private_key);
    s.value("client_crt", &NodeConfig::client_crt, "the path of a PEM file", "",
            "Certificate shown to a wss:// server that asks for one.", read_certificate);
    s.value("ca_crt", &NodeConfig::ca_crt, "the path of a PEM file", "",
            "CA that the server's certificate must come from. Empty: those of the system.", read_certificate);
    s.flag("receive", &NodeConfig::receive, "Play the others. false: only send.");
    s.value("receive_from_ip", &NodeConfig::receive_from_ip, "an IP address or host name", "",
            "Play this node directly, with no config server.", read_address);
    s.integer<std::uint16_t>("receive_from_port", &NodeConfig::receive_from_port, 1, 65535, "Its RTSP port.");
    s.ignored("python", "this matriz needs no Python");
}

void add_audio_keys(config::Schema<NodeConfig>& s) {
    s.value("jack_client", &NodeConfig::jack_client, "up to 48 bytes of text without a colon", NodeConfig{}.jack_client,
            "JACK name: sending ports are <jack_client>-send:in_send_1…, receiving ports <jack_client>:<peer>_1….",
            read_jack_client);
    s.text("jack_server", &NodeConfig::jack_server,
           "The JACK server's name. Empty: $JACK_DEFAULT_SERVER, or \"default\".");
    s.value("jack_connect", &NodeConfig::jack_connect,
            "\"auto\", \"none\", or a list of [\"from\", \"to\"] pairs of JACK ports", "auto",
            "Connections that the node makes when their ports appear. auto: the sound card's inputs to what is sent, "
            "every peer to its outputs.",
            read_jack_connect);
    s.integer("channels", &NodeConfig::channels, 1, 8, "Audio channels that are sent.");
    std::vector<std::pair<Json::Value, dsp::CodecId>> codecs;
    for (const auto id : {dsp::CodecId::opus, dsp::CodecId::opus_custom, dsp::CodecId::pcm16, dsp::CodecId::pcm24,
                          dsp::CodecId::float32})
        codecs.emplace_back(std::string(dsp::name(id)), id);
    s.choice("codec", &NodeConfig::codec, std::move(codecs),
             "How the audio is sent. A peer that does not know it gets standard Opus.");
    s.choice("frame", &NodeConfig::frame, {{2.5, 2.5}, {5, 5.0}, {10, 10.0}, {20, 20.0}},
             "Milliseconds of audio in each Opus packet; the shorter, the lower the latency.");
    s.value(
        "bitrate", &NodeConfig::bitrate, "\"auto\" or an integer from 6000 to 4000000", "auto",
        "Bits per second of the encoded audio, all channels together. auto: for opus 96000 a channel with a frame of "
        "2.5 ms, 80000 with 5 ms, 64000 with longer ones; 144000 for opus-custom.",
        [](const Json::Value& json) { return read_auto_or(json, 6000, 4'000'000); });
    s.number("playout_min_ms", &NodeConfig::playout_min_ms, 0, 1000,
             "Never hold less than this many milliseconds of a peer's audio in hand.");
    s.number("playout_max_ms", &NodeConfig::playout_max_ms, 1, 2000,
             "Never hold more than this; what comes later is lost.");
    s.value("redundancy", &NodeConfig::redundancy, "\"auto\" or an integer from 0 to 4", "auto",
            "Copies of earlier packets that each packet carries (RFC 2198). auto: as many as the loss that the "
            "receivers report asks for.",
            [](const Json::Value& json) { return read_auto_or(json, 0, 4); });
}

void add_service_keys(config::Schema<NodeConfig>& s) {
    s.value("room", &NodeConfig::room, "up to 64 bytes of text", "",
            "The room on the config server to play in. Empty: the server's default.", read_name);
    s.value("udp_ports", &NodeConfig::udp_ports, "\"FIRST-LAST\"", "8600-8700",
            "UDP ports for sending and receiving audio; two for each peer and direction.", read_udp_ports);
    s.choice("port_mapping", &NodeConfig::port_mapping, {{"auto", true}, {"off", false}},
             "Ask the router by NAT-PMP or UPnP to let peers in on `port` and `udp_ports`, unless the config server is "
             "in the same network.");
    s.value("control", &NodeConfig::control, "\"ADDRESS:PORT\" or \"off\"", "127.0.0.1:8555",
            "Where /status, /metrics and matrizctl find this node.", read_control);
    s.value("allow", &NodeConfig::allow, "a list of networks such as \"192.168.1.0/24\"", Json::Value(Json::arrayValue),
            "Who may play the stream besides the peers of the current list and this machine.", read_allow);
    s.text("record_dir", &NodeConfig::record_dir, "Where recordings go.", "a path of a directory");
    s.choice<RecordFormat>("record_format", &NodeConfig::record_format,
                           {{"wav", RecordFormat::wav}, {"flac", RecordFormat::flac}},
                           "File format of recordings; a WAV beyond 4 GB becomes RF64.");
}

void add_security_keys(config::Schema<NodeConfig>& s) {
    s.choice<Transport>(
        "transport", &NodeConfig::transport,
        {{"auto", Transport::automatic}, {"webrtc", Transport::webrtc}, {"rtsp", Transport::rtsp}},
        "How the audio goes. auto: by WebRTC, encrypted and through routers, where both sides can; else "
        "by RTSP.");
    s.choice<Trust>("trust", &NodeConfig::trust, {{"server", Trust::server}, {"pinned", Trust::pinned}},
                    "Whose word counts for who a peer is. server: the config server's. pinned: each peer's first "
                    "certificate is remembered; with another one, or in the clear, it is refused until "
                    "`matrizctl trust NAME`.");
    s.choice<RtspSecurity>("rtsp_security", &NodeConfig::rtsp_security,
                           {{"plain", RtspSecurity::plain}, {"tls", RtspSecurity::tls}},
                           "tls: serve the stream to peers with a certificate only, encrypted; original nodes cannot "
                           "hear it. plain: in the clear.");
    s.text("state_dir", &NodeConfig::state_dir,
           "Where this node's identity and those of its peers are kept. Empty: $STATE_DIRECTORY, or matriz in "
           "$XDG_STATE_HOME or ~/.local/state.",
           "a path of a directory");
}

config::Schema<NodeConfig> make_schema() {
    config::Schema<NodeConfig> s;
    add_original_keys(s);
    add_audio_keys(s);
    add_service_keys(s);
    add_security_keys(s);
    s.check("client_crt", check_tls)
        .check("client_pem", check_key_pair)
        .check("bitrate", check_packet_size)
        .check("playout_min_ms", check_playout)
        .advise("interface", advice_on_interface)
        .advise("receive_from_port", advice_on_direct_port)
        .advise("receive_from_ip", advice_on_direct_address);
    return s;
}

}  // namespace

std::string NodeConfig::server_url() const {
    return url.value_or(receive_from_ip.empty() ? "ws://127.0.0.1:5000/config" : "");
}

std::string NodeConfig::state_folder() const {
    if (!state_dir.empty()) return state_dir;
    if (const char* given = g_getenv("STATE_DIRECTORY"); given != nullptr && *given != '\0') {
        const std::string_view folders = given;  // of several, with colons between them, the first
        return std::string(folders.substr(0, folders.find(':')));
    }
    return std::string(g_get_user_state_dir()) + "/matriz";
}

int NodeConfig::effective_bitrate() const noexcept {
    constexpr int opus_custom_a_channel = 144'000;
    if (bitrate) return *bitrate;
    if (codec == dsp::CodecId::opus_custom) return channels * opus_custom_a_channel;
    // The shorter a frame, the less of its bits are left for the sound: with 64000 at 2.5 ms one hears the coding.
    const int opus_a_channel = frame < 5 ? 96'000 : frame < 10 ? 80'000 : 64'000;
    return channels * opus_a_channel;
}

const config::Schema<NodeConfig>& schema() {
    static const config::Schema<NodeConfig> table = make_schema();
    return table;
}

NodeConfig load_config(const std::string& path, config::Problems& warnings) {
    return schema().load(config::Document::load(path), warnings);
}

}  // namespace matriz::node

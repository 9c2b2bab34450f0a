// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/visit.hpp"

#include <gio/gio.h>
#include <jack/jack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/ice_server.hpp"
#include "common/protocol/version.hpp"
#include "node/control/control.hpp"
#include "node/control/transport.hpp"

namespace matriz::ctl::doctor {
namespace {

constexpr auto visit_limit = std::chrono::seconds(12);
constexpr guint tls_limit = 8;  // s

/// Something for the server's port check to reach, while no node is there. The kernel accepts; nothing is said.
class Listener {
  public:
    explicit Listener(std::uint16_t port)
        : socket_(glib::Ref<GSocketListener>::adopt(g_socket_listener_new())),
          taken_(g_socket_listener_add_inet_port(socket_.get(), port, nullptr, nullptr) == FALSE) {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { g_socket_listener_close(socket_.get()); }
    bool taken() const noexcept { return taken_; }

  private:
    glib::Ref<GSocketListener> socket_;
    const bool taken_;
};

double days_until(GDateTime* when) {
    const auto now = g_date_time_new_now_utc();
    const double days = static_cast<double>(g_date_time_difference(when, now)) / G_TIME_SPAN_DAY;
    g_date_time_unref(now);
    return days;
}

Certificate judged(std::string whose, GTlsCertificate* certificate) {
    Certificate found{.whose = std::move(whose), .days_left = std::nullopt, .error = {}};
    if (GDateTime* end = g_tls_certificate_get_not_valid_after(certificate)) {
        found.days_left = days_until(end);
        g_date_time_unref(end);
    }
    return found;
}

gboolean take_any(GTlsConnection*, GTlsCertificate*, GTlsCertificateFlags, gpointer) noexcept { return TRUE; }

void trust_for_a_look(GSocketClient*, GSocketClientEvent event, GSocketConnectable*, GIOStream* stream,
                      gpointer) noexcept {
    // Only to read it: whether it is trusted is the visit's business.
    if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING)
        g_signal_connect(stream, "accept-certificate", G_CALLBACK(take_any), nullptr);
}

Certificate server_certificate(const std::string& url) {
    constexpr guint16 wss = 443;
    const auto client = glib::Ref<GSocketClient>::adopt(g_socket_client_new());
    g_socket_client_set_tls(client.get(), TRUE);
    g_socket_client_set_timeout(client.get(), tls_limit);
    g_signal_connect(client.get(), "event", G_CALLBACK(trust_for_a_look), nullptr);
    glib::ErrorSlot error;
    const auto connection = glib::Ref<GSocketConnection>::adopt(
        g_socket_client_connect_to_uri(client.get(), url.c_str(), wss, nullptr, error.out()));
    if (!connection) return {.whose = "the config server's", .days_left = std::nullopt, .error = error.message()};
    GIOStream* tls = g_tcp_wrapper_connection_get_base_io_stream(G_TCP_WRAPPER_CONNECTION(connection.get()));
    GTlsCertificate* certificate = g_tls_connection_get_peer_certificate(G_TLS_CONNECTION(tls));
    return judged("the config server's", certificate);
}

Certificate certificate_in(const std::string& path) {
    glib::ErrorSlot error;
    const auto certificate =
        glib::Ref<GTlsCertificate>::adopt(g_tls_certificate_new_from_file(path.c_str(), error.out()));
    if (!certificate) return {.whose = path, .days_left = std::nullopt, .error = error.message()};
    return judged(path, certificate.get());
}

/// Does this list say what came of the server's attempt to reach this place?
bool learnt_reach(const protocol::ServerMessage& message, ServerVisit& visit) {
    if (!message.list) return false;
    for (const protocol::ClientInfo& client : message.list->clients)
        if (client.name == visit.own_name) visit.reachable = client.stream;
    return visit.reachable || message.list->name == visit.own_name;
}

/// The server's own STUN comes first, as it does for the node.
std::string stun_of(const protocol::Registered& reply, const std::string& url) {
    if (reply.version == 0) return {};
    std::vector<protocol::IceServer> servers = reply.ice_servers;
    if (auto own = control::stun_of(url, reply.stun_port)) servers.insert(servers.begin(), {.urls = {*std::move(own)}});
    return protocol::first_stun(servers);
}

}  // namespace

JackVisit visit_jack(const std::string& server) {
    jack_set_error_function([](const char*) {});
    jack_set_info_function([](const char*) {});
    JackVisit visit;
    jack_status_t status{};
    jack_client_t* client =
        server.empty()
            ? jack_client_open("matriz-doctor", JackNoStartServer, &status)
            : jack_client_open("matriz-doctor", static_cast<jack_options_t>(JackNoStartServer | JackServerName),
                               &status, server.c_str());
    if (client == nullptr) return visit;
    visit.joined = true;
    visit.rate = jack_get_sample_rate(client);
    visit.period = jack_get_buffer_size(client);
    visit.realtime = jack_is_realtime(client) != 0;
    jack_client_close(client);
    return visit;
}

ServerVisit visit_server(const node::NodeConfig& config, const std::string& fingerprint) {
    ServerVisit visit;
    const Listener listener(config.port);
    visit.port_taken = listener.taken();
    const auto loop = glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE));
    const auto end = [&loop](std::string& slot, std::string text) {
        if (slot.empty()) slot = std::move(text);
        g_main_loop_quit(loop.get());
    };
    bool answered = false;
    control::Transport* line = nullptr;
    const std::string name = config.name.empty() ? std::string(g_get_host_name()).substr(0, 64) : config.name;
    control::Transport transport(
        control::Endpoint{config.server_url(), config.ca_crt, config.client_crt, config.client_pem},
        std::chrono::seconds(5),
        {.opened =
             [&] {
                 line->send(
                     protocol::encode(protocol::Register{.name = name,
                                                         .key = config.key,
                                                         .port = config.port,
                                                         .version = protocol::version,
                                                         .room = config.room,
                                                         .fingerprint = fingerprint,
                                                         .rtsp_tls = config.rtsp_security == node::RtspSecurity::tls,
                                                         .rtsp_only = true}));
             },
         .received =
             [&](std::string_view text) {
                 try {
                     const protocol::ServerMessage message = protocol::decode_server_message(text);
                     if (!message.error.empty()) return end(visit.error, message.message);
                     if (message.registered) {
                         answered = visit.key_accepted = true;
                         visit.own_name = message.registered->name;
                         visit.own_address = message.registered->ip;
                         visit.reachable = message.registered->stream;
                         visit.stun = stun_of(*message.registered, config.server_url());
                     }
                     // Our own server tries the port after its answer, and tells in a list about this place.
                     const bool tried = message.registered ? message.registered->version == 0 || visit.reachable
                                                           : answered && learnt_reach(message, visit);
                     if (!tried) return;
                     line->send(protocol::encode(protocol::Deregister{}));
                     line->close();
                 } catch (const protocol::Malformed& error) {
                     end(visit.error, error.what());
                 }
             },
         .heard = [] {},
         .closed =
             [&](const control::Closed& why) {
                 if (answered)
                     g_main_loop_quit(loop.get());
                 else
                     end(visit.error, why.text);
             }});
    line = &transport;
    const auto limit = glib::Source::after(visit_limit, [&] {
        if (answered)
            g_main_loop_quit(loop.get());
        else
            end(visit.error, "no answer within 12 s");
    });
    transport.connect();
    g_main_loop_run(loop.get());
    return visit;
}

std::vector<Certificate> look_at_certificates(const node::NodeConfig& config) {
    std::vector<Certificate> found;
    if (config.server_url().starts_with("wss://")) found.push_back(server_certificate(config.server_url()));
    if (!config.client_crt.empty()) found.push_back(certificate_in(config.client_crt));
    return found;
}

std::string host_of(const std::string& url) {
    GUri* uri = g_uri_parse(url.c_str(), G_URI_FLAGS_PARSE_RELAXED, nullptr);
    if (uri == nullptr) return {};
    const char* host = g_uri_get_host(uri);
    std::string text = host != nullptr ? host : "";
    g_uri_unref(uri);
    return text;
}

std::optional<PathMtu> mtu_towards(const std::string& name, const std::string& address) {
    constexpr guint16 discard = 9;
    const auto client = glib::Ref<GSocketConnectable>::adopt(g_network_address_new(address.c_str(), discard));
    const auto addresses = glib::Ref<GSocketAddressEnumerator>::adopt(g_socket_connectable_enumerate(client.get()));
    const auto target =
        glib::Ref<GSocketAddress>::adopt(g_socket_address_enumerator_next(addresses.get(), nullptr, nullptr));
    if (!target) return std::nullopt;
    const GSocketFamily family = g_socket_address_get_family(target.get());
    const auto socket =
        glib::Ref<GSocket>::adopt(g_socket_new(family, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, nullptr));
    // Connecting a datagram socket sends nothing; it makes the kernel choose the way.
    if (!socket || g_socket_connect(socket.get(), target.get(), nullptr, nullptr) == FALSE) return std::nullopt;
    int bytes = 0;
    socklen_t size = sizeof bytes;
    const bool six = family == G_SOCKET_FAMILY_IPV6;
    if (getsockopt(g_socket_get_fd(socket.get()), six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &bytes,
                   &size) != 0)
        return std::nullopt;
    return PathMtu{.towards = name, .bytes = bytes};
}

}  // namespace matriz::ctl::doctor

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/app/app.hpp"

#include <glib.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "common/base/notify.hpp"
#include "common/glib/error.hpp"
#include "common/protocol/version.hpp"
#include "node/receiver/port_prefix.hpp"

namespace matriz::node {
namespace {

constexpr std::chrono::milliseconds report_interval{1000};
constexpr std::chrono::seconds patience_with_webrtc{5};
constexpr unsigned patience_with_jack = 5;                            // seconds
constexpr unsigned patience_with_router = 15;                         // seconds more, to close what was opened there
constexpr std::size_t most_kept_ports = jack::Client::max_peers / 2;  // the rest is for peers that are here

NodeConfig with_name(NodeConfig config) {
    if (config.name.empty()) config.name = std::string(g_get_host_name()).substr(0, 64);
    return config;
}

/// The node's own JACK client, opened now if it was not yet: see EmitterConfig. On the capture's thread.
void await_jack(jack::Client& client) {
    const std::string trouble = client.try_open();
    if (client.status().state != jack::Status::State::open)
        throw Error("{}", trouble.empty() ? "JACK does not run" : trouble);
}

emitter::EmitterConfig emitter_config(const NodeConfig& config, const std::optional<identity::Identity>& identity,
                                      const std::shared_ptr<jack::Client>& jack, std::function<void()> on_new_offer) {
    return {.jack_client = config.jack_client,
            .jack_server = config.jack_server,
            .stream = {.channels = config.channels,
                       .codec = config.codec,
                       .frame = std::chrono::microseconds{static_cast<int>(config.frame * 1000)},
                       .bitrate = config.effective_bitrate()},
            .redundancy = config.redundancy,
            .interface = config.interface,
            .port = config.port,
            .udp_ports = config.udp_ports,
            .allow = config.allow,
            .tls = config.rtsp_security == RtspSecurity::tls ? identity : std::nullopt,
            .record = {.enabled = config.record, .folder = config.record_dir, .format = config.record_format},
            .await_jack = [jack] { await_jack(*jack); },
            .on_new_offer = std::move(on_new_offer)};
}

std::optional<control::Control> make_control(const NodeConfig& config,
                                             const std::optional<identity::Identity>& identity,
                                             control::Control::OnList on_list) {
    const std::string url = config.server_url();
    if (url.empty()) return std::nullopt;
    return std::optional<control::Control>(std::in_place,
                                           control::Endpoint{url, config.ca_crt, config.client_crt, config.client_pem},
                                           protocol::Register{.name = config.name,
                                                              .key = config.key,
                                                              .port = config.port,
                                                              .version = protocol::version,
                                                              .room = config.room,
                                                              .fingerprint = identity ? identity->fingerprint() : "",
                                                              .rtsp_tls = config.rtsp_security == RtspSecurity::tls,
                                                              .rtsp_only = config.transport == Transport::rtsp},
                                           std::move(on_list));
}

mesh::Options mesh_options(const NodeConfig& config) {
    mesh::Options options{
        .receive = config.receive, .webrtc = config.transport != Transport::rtsp, .direct = std::nullopt};
    if (!config.receive_from_ip.empty())
        options.direct = mesh::direct_peer(config.receive_from_ip, config.receive_from_port);
    return options;
}

bool peers_are_outside(const NodeConfig& config) {
    if (ports::leads_outside(config.receive_from_ip)) return true;
    glib::ErrorSlot error;
    GUri* uri = g_uri_parse(config.server_url().c_str(), G_URI_FLAGS_PARSE_RELAXED, error.out());
    if (uri == nullptr) return false;
    const char* host = g_uri_get_host(uri);
    const bool outside = host != nullptr && ports::leads_outside(host);
    g_uri_unref(uri);
    return outside;
}

}  // namespace

App::App(NodeConfig config)
    : config_(with_name(std::move(config))),
      identity_(find_identity(config_, log_)),
      trust_(config_, identity_.has_value()),
      loop_(glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE))),
      jack_(jack::Client::shared(config_.jack_client, config_.jack_server)),
      jack_keeper_(config_.jack_connect, jack_),
      kept_ports_(most_kept_ports),
      emitter_(emitter_config(config_, identity_, jack_, [this] { glib::post([this] { on_new_offer(); }); })),
      control_(make_control(config_, identity_, [this](const control::action::Publish& list) { on_list(list); })),
      links_(
          config_, jack_, emitter_.offer(), identity_ ? &*identity_ : nullptr, control_ ? &*control_ : nullptr, trust_,
          [this](const std::string& name, const std::string& print) { on_proven(name, print); }, reaper_),
      mesh_(mesh_options(config_), [this](const mesh::Peer& peer) { return links_.make(peer); }) {
    if (control_)
        control_->on_signal([this](const std::string& from, Json::Value body) { on_signal(from, std::move(body)); });
    else
        log_.info("no config server: {}", config_.receive_from_ip.empty()
                                              ? "only sending, to the networks in `allow`"
                                              : "a direct link to " + config_.receive_from_ip);
    if (config_.control)
        status_server_.emplace(config_.control->host, config_.control->port, [this] { return snapshot(); });
    if (status_server_ && trust_.known_peers() != nullptr)
        status_server_->set_trust({trust_.known_peers(), [this](const std::string&) { on_list(list_); }});
    if (config_.port_mapping && peers_are_outside(config_))
        mapper_.emplace(ports::wanted(config_.port, config_.udp_ports.first, config_.udp_ports.last),
                        ports::router_on(config_.interface), nullptr, ports::Mapper::Times{});
    if (control::Console::available())
        console_.emplace(STDIN_FILENO,
                         control::Console::Handlers{[this](control::Command command) { on_command(command); },
                                                    [](std::string_view line) {
                                                        std::printf("\"%.*s\" is no command. %s\n",
                                                                    static_cast<int>(line.size()), line.data(),
                                                                    std::string(control::console_help()).c_str());
                                                    }});
}

App::~App() = default;

void App::run() {
    for (const int signum : {SIGTERM, SIGINT, SIGHUP})
        signals_.push_back(glib::Source::on_signal(signum, [this] { stop(); }));
    addresses_.emplace([this](const network::AddressWatch::Change& change) { on_addresses(change); });
    if (control_) report_timer_ = glib::Source::every(report_interval, [this] { report(); });
    if (const auto interval = notify::watchdog_interval())
        watchdog_ = glib::Source::every(*interval, [] { notify::alive(); });
    mesh_.start();
    join();
    log_.info("{} sends on {}", config_.name, emitter_.url());
    notify::ready();
    g_main_loop_run(loop_.get());
    notify::stopping();
    leave_in_time();
    emitter_.close_recording();  // before anything that may wait for JACK
    mesh_.stop();
    log_.info("stopped");
}

/// Registers; with WebRTC once it can answer at once, so that nobody calls a node that is not ready.
void App::join() {
    if (!control_) return;
    if (!identity_ || config_.transport == Transport::rtsp) return control_->start();
    preparing_ = true;
    warm_up_.post([this] {
        webrtc::prepare();
        glib::post([this] { prepared(); });
    });
    enough_preparing_ = glib::Source::after(patience_with_webrtc, [this] {
        if (!preparing_) return;
        log_.warning(
            "a key for WebRTC takes more than {} s to make, so busy is this machine; registering all the same: the "
            "first "
            "connections will take longer",
            patience_with_webrtc.count());
        prepared();
    });
}

/// Ready, or registering all the same; what comes second does nothing.
void App::prepared() {
    if (std::exchange(preparing_, false) && !stopping_) control_->start();
}

void App::stop() {
    if (std::exchange(stopping_, true)) return;
    log_.info("stopping");
    if (mapper_) mapper_->leave();
    if (!control_) {
        g_main_loop_quit(loop_.get());
        return;
    }
    control_->leave(true, [this] { g_main_loop_quit(loop_.get()); });
}

void App::report() {
    std::vector<status::Peer> peers = snapshot().peers;
    control_->report(reporter_.next(peers));
}

/// libjack waits for ever for a server that hangs. Whoever stops a node must not. Below matriz.service's
/// TimeoutStopSec.
void App::leave_in_time() const {
    struct sigaction action {};
    action.sa_handler = [](int) {
        constexpr std::string_view farewell = "matriz: JACK or a connection does not let go; leaving without consent\n";
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, farewell.data(), farewell.size());
        ::_exit(EXIT_SUCCESS);
    };
    ::sigaction(SIGALRM, &action, nullptr);
    ::alarm(patience_with_jack + (mapper_ ? patience_with_router : 0));
}

void App::on_command(control::Command command) {
    switch (command) {
        case control::Command::end:
            stop();
            break;
        case control::Command::deregister:
            if (control_) control_->leave(true);
            break;
        case control::Command::join:
            if (control_) control_->start();
            break;
        case control::Command::help:
            std::printf("%s\n", std::string(control::console_help()).c_str());
            break;
    }
}

void App::on_list(const control::action::Publish& newest) {
    if (&newest != &list_) list_ = newest;
    std::vector<protocol::ClientInfo> everybody = list_.clients;
    everybody.insert(everybody.end(), list_.listeners.begin(), list_.listeners.end());
    const auto refusals = trust_.refusals(everybody, list_.own_name);
    std::vector<std::string> addresses;
    std::vector<std::string> fingerprints;
    for (const protocol::ClientInfo& client : everybody) {
        if (refusals.contains(client.name)) continue;
        if (auto address = mesh::clean_address(client.ip); address && trust_.counts_by_address(client))
            addresses.push_back(std::move(*address));
        if (client.name != list_.own_name) fingerprints.push_back(client.fingerprint);
    }
    // First who may listen, then whom to hear: the others act on the same list at the same moment.
    emitter_.set_allowed(addresses, std::move(fingerprints));
    mesh_.apply(
        {.clients = list_.clients, .listeners = list_.listeners, .own_name = list_.own_name, .refusals = refusals});
    std::set<std::string> present;
    for (const auto& [name, entry] : mesh_.entries()) present.insert(receiver::port_prefix(name));
    for (const std::string& prefix : kept_ports_.update(present)) jack_keeper_.release_ports(prefix);
}

void App::on_proven(const std::string& name, const std::string& fingerprint) {
    if (trust_.proven(name, fingerprint)) on_list(list_);
}

void App::on_signal(const std::string& from, Json::Value body) {
    const auto found = mesh_.entries().find(from);
    if (found != mesh_.entries().end()) return found->second.receiver->signal(std::move(body));
    log_.debug("{} is not in the client list; what it sent through the server is ignored", from);
}

void App::on_addresses(const network::AddressWatch::Change& change) {
    if (change.now.empty()) {
        log_.warning("this machine has lost its network; playing goes on when it is back");
        return;
    }
    log_.info("this machine's addresses have changed");
    emitter_.addresses_changed();
    if (control_) control_->reconnect();
    if (mapper_) mapper_->addresses_changed();
    for (const auto& [name, entry] : mesh_.entries()) entry.receiver->network_changed(change);
}

void App::on_new_offer() {
    for (const auto& [name, entry] : mesh_.entries()) entry.receiver->refresh("this node's stream is another one now");
}

}  // namespace matriz::node

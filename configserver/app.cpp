// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/app.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/base/notify.hpp"

namespace matriz {
namespace {

constexpr auto stop_limit = std::chrono::seconds(2);
/// Descriptors for files, programs, port checks, and for saying no.
constexpr rlim_t spare_files = 128;

std::string store_path(const settings::Settings& settings, const std::string& config_path) {
    if (!settings.store.empty()) return settings.store;
    const std::filesystem::path config(config_path);
    const char* state = std::getenv("STATE_DIRECTORY");
    const auto folder = state != nullptr && *state != '\0' ? std::filesystem::path(state) : config.parent_path();
    return folder / (config.stem().string() + ".sqlite");
}

tls::Files tls_files(const settings::Settings& settings) {
    return {settings.tls_crt, settings.tls_key, settings.ca_crt, settings.client_certs};
}

}  // namespace

App::App(std::string config_path, Load load)
    : load_(std::move(load)),
      settings_(load_to_fit()),
      loop_(glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE))),
      store_(store_path(settings_, config_path)),
      hub_(reactor_, store_),
      hook_([this] { return hub_.view(); }) {
    if (settings_.tls()) tls_.emplace(tls_files(settings_));
    hub_.configure(settings_, hub_.keys_of(settings_));
    server_.emplace(
        reactor_, settings_.listen_on(), settings_.limits, settings_.trusted_proxies,
        [this](net::Fd socket) -> std::unique_ptr<net::Stream> {
            if (tls_) return tls_->wrap(std::move(socket));
            return std::make_unique<net::PlainStream>(std::move(socket));
        },
        hub_);
    hub_.attach(*server_);
    start_stun();
    hub_.on_change([this] { hook_.changed(); });
    hook_.configure(hook_settings());
    add_metrics();
    say_where_it_listens();
    on_term_ = glib::Source::on_signal(SIGTERM, [this] { stop(); });
    on_int_ = glib::Source::on_signal(SIGINT, [this] { stop(); });
    on_hup_ = glib::Source::on_signal(SIGHUP, [this] { reload(); });
    if (const auto interval = notify::watchdog_interval())
        watchdog_ = glib::Source::every(*interval, [] { notify::alive(); });
}

/// A connection for which there is no descriptor would wait in the kernel, and nobody could be told or let go.
settings::Settings App::load_to_fit() const {
    settings::Settings settings = load_();
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return settings;
    const rlim_t most = files.rlim_cur > 2 * spare_files ? files.rlim_cur - spare_files : files.rlim_cur / 2;
    if (settings.limits.connections <= most) return settings;
    log_.warning(
        "max_connections is {}, but this process may open {} files: it takes {} connections. Raise that limit "
        "(LimitNOFILE= of the service, ulimit -n), or lower max_connections",
        settings.limits.connections, files.rlim_cur, most);
    settings.limits.connections = static_cast<std::size_t>(most);
    return settings;
}

/// A port that is taken (coturn has the same one) is no reason not to serve.
void App::start_stun() {
    const auto where = settings_.stun_on();
    if (!where) return;
    try {
        stun_.emplace(reactor_, *where);
        hub_.set_stun_port(stun_->bound().port);
        log_.info("answering STUN on UDP {}", stun_->bound().to_string());
    } catch (const Error& error) {
        log_.warning(
            "{}; nodes behind routers need another STUN server in ice_servers. \"stun\": \"off\" ends this "
            "warning",
            describe(error));
    }
}

void App::add_metrics() {
    dispatch::Metrics& metrics = hub_.metrics();
    metrics.counter("matriz_server_hook_runs_total", "Runs of on_change.",
                    [this] { return static_cast<double>(hook_.counters().runs); });
    metrics.counter("matriz_server_hook_failures_total", "Runs or renderings that failed.",
                    [this] { return static_cast<double>(hook_.counters().failures); });
    if (stun_)
        metrics.counter("matriz_server_stun_answers_total", "STUN requests answered.",
                        [this] { return static_cast<double>(stun_->answered()); });
    if (!tls_) return;
    metrics.gauge("matriz_server_certificate_expires_seconds", "When the TLS certificate ends, in Unix time.",
                  [this] { return static_cast<double>(std::chrono::system_clock::to_time_t(tls_->expires())); });
}

hooks::Hook::Settings App::hook_settings() const {
    return {.command = settings_.on_change,
            .delay = std::chrono::milliseconds(settings_.on_change_delay_ms),
            .timeout = std::chrono::seconds(settings_.on_change_timeout_s),
            .template_path = settings_.render_template,
            .output_path = settings_.render_output};
}

void App::say_where_it_listens() const {
    const net::HostPort& bound = server_->bound();
    log_.info("listening on {}://{}/config", settings_.tls() ? "wss" : "ws", bound.to_string());
    if (settings_.listen.empty() && !settings_.tls())
        log_.warning(
            "without TLS it answers this machine only. For others: give tls_crt and tls_key, or put a TLS proxy in "
            "front, or, in a network you trust, set \"listen\": \"0.0.0.0:{0}\" (or --listen 0.0.0.0:{0})",
            bound.port);
}

void App::run() {
    notify::ready();
    g_main_loop_run(loop_.get());
}

void App::stop() {
    log_.info("stopping; clients are told to come back");
    notify::stopping();
    on_term_ = {};
    on_int_ = {};
    on_hup_ = {};
    server_->stop(http::close_code::service_restart, "the server restarts; come back", stop_limit,
                  [this] { g_main_loop_quit(loop_.get()); });
    hub_.take_leave();
}

void App::reload() {
    notify::reloading();
    try {
        settings::Settings fresh = load_to_fit();
        if (fresh.listen_on() != settings_.listen_on() || fresh.tls() != settings_.tls() ||
            fresh.store != settings_.store || fresh.stun_on() != settings_.stun_on())
            log_.warning("listen, stun, store, and whether there is TLS change with a restart only");
        // All that may fail comes first, beside what is in use.
        auth::Keyring keys = hub_.keys_of(fresh);
        if (tls_ && fresh.tls()) tls_->reload(tls_files(fresh));
        settings_ = std::move(fresh);
        hub_.configure(settings_, std::move(keys));
        server_->reconfigure(settings_.limits, settings_.trusted_proxies);
        hook_.configure(hook_settings());
        log_.info("config reloaded");
    } catch (const std::exception& error) {
        log_.error("the new config is not taken, the old one stays: {}", describe(error));
    }
    notify::ready();
}

}  // namespace matriz

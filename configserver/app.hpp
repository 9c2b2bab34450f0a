// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include <functional>
#include <optional>
#include <string>

#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "configserver/dispatch/hub.hpp"
#include "configserver/hooks/hook.hpp"
#include "configserver/http/server.hpp"
#include "configserver/ice/stun.hpp"
#include "configserver/net/reactor.hpp"
#include "configserver/settings/settings.hpp"
#include "configserver/store/store.hpp"
#include "configserver/tls/context.hpp"

namespace matriz {

/// The server's owner tree: made in order, destroyed in reverse. Main thread.
class App {
  public:
    /// Reads the config, again on each reload. Throws.
    using Load = std::function<settings::Settings()>;

    /// Throws Error when it cannot start (port taken, certificate unreadable, store damaged), config::ConfigError when
    /// the config is wrong.
    explicit App(std::string config_path, Load load);

    /// Until SIGTERM or SIGINT.
    void run();

  private:
    settings::Settings load_to_fit() const;
    void say_where_it_listens() const;
    void start_stun();
    void add_metrics();
    hooks::Hook::Settings hook_settings() const;
    void stop();
    void reload();

    Load load_;
    log::Logger log_{"server"};
    settings::Settings settings_;
    glib::Ref<GMainLoop> loop_;
    net::Reactor reactor_;
    store::Store store_;
    std::optional<tls::Context> tls_;
    dispatch::Hub hub_;
    hooks::Hook hook_;
    std::optional<http::Server> server_;
    std::optional<ice::StunServer> stun_;  ///< nothing: off, or its port is taken
    glib::Source on_term_;
    glib::Source on_int_;
    glib::Source on_hup_;
    glib::Source watchdog_;
};

}  // namespace matriz

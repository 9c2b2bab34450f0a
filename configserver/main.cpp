// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "configserver/app.hpp"
#include "configserver/auth/key_hash.hpp"
#include "configserver/options.hpp"
#include "configserver/settings/settings.hpp"
#include "version.h"

namespace matriz {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

/// Each connection is a descriptor, and the usual soft limit is 1024.
void allow_many_files() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

settings::Settings load_settings(const Options& options) {
    const log::Logger log("config");
    config::Problems warnings;
    settings::Settings settings = settings::load(options.config, warnings);
    for (const auto& warning : warnings) log.warning("{}", warning.str());
    if (!options.listen.empty()) settings.listen = options.listen;
    return settings;
}

void print_new_key(const std::string& name) {
    const std::string key = auth::make_key();
    fmt::print(
        "In {0}'s client.json:            \"key\": \"{1}\"\nIn the server's client_keys:  {{\"name\": \"{0}\", "
        "\"key_hash\": \"{2}\"}}\n",
        name, key, auth::KeyHash::make(key).to_string());
}

int run(const Options& options) {
    if (options.action == Options::Action::check) {
        load_settings(options);
        fmt::print("{}: fine\n", options.config);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that write, no reason to die
    allow_many_files();
    App(options.config, [&options] { return load_settings(options); }).run();
    return 0;
}

int act(const Options& options) {
    using Action = Options::Action;
    switch (options.action) {
        case Action::help:
            fmt::print("{}", usage());
            return 0;
        case Action::version:
            fmt::print("matriz-configserver {}\n", MATRIZ_VERSION);
            return 0;
        case Action::help_config:
            fmt::print("{}", config::help_text(settings::schema().docs()));
            return 0;
        case Action::help_config_markdown:
            fmt::print("{}", config::markdown_table(settings::schema().docs()));
            return 0;
        case Action::new_key:
            print_new_key(options.new_key_name);
            return 0;
        case Action::run:
        case Action::check:
            break;
    }
    return run(options);
}

}  // namespace
}  // namespace matriz

int main(int argc, char** argv) {
    using namespace matriz;
    try {
        const Options options = parse_options({argv + 1, argv + argc});
        if (options.debug) log::set_level(log::Level::debug);
        if (options.log_json) log::set_format(log::Format::json);
        try {
            return act(options);
        } catch (const config::ConfigError& error) {
            fmt::print(stderr, "{}\n", error.what());
            return exit_usage;
        } catch (const std::exception& error) {
            fmt::print(stderr, "matriz-configserver: {}\n", describe(error));
            return exit_failure;
        }
    } catch (const std::exception& error) {
        fmt::print(stderr, "matriz-configserver: {}\n", describe(error));
        return exit_usage;
    }
}

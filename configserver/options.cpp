// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/options.hpp"

#include <cstdlib>

#include "common/base/error.hpp"
#include "configserver/net/address.hpp"

namespace matriz {
namespace {

/// The value of "--name VALUE" or "--name=VALUE"; nothing when `arguments[i]` is another option.
std::optional<std::string> value_of(const std::vector<std::string>& arguments, std::size_t& i,
                                    const std::string& name) {
    const std::string& argument = arguments[i];
    if (argument.starts_with(name + "=")) return argument.substr(name.size() + 1);
    if (argument != name) return std::nullopt;
    if (i + 1 >= arguments.size()) throw Error("{} needs a value", name);
    return arguments[++i];
}

bool take_flag(Options& options, const std::string& argument) {
    using Action = Options::Action;
    if (argument == "-h" || argument == "--help")
        options.action = Action::help;
    else if (argument == "--version")
        options.action = Action::version;
    else if (argument == "--check")
        options.action = Action::check;
    else if (argument == "--help-config")
        options.action = Action::help_config;
    else if (argument == "--help-config=markdown")
        options.action = Action::help_config_markdown;
    else if (argument == "-d" || argument == "--debug")
        options.debug = true;
    else if (argument == "--log-json")
        options.log_json = true;
    else
        return false;
    return true;
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
    Options options;
    bool have_config = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (take_flag(options, argument)) continue;
        if (auto where = value_of(arguments, i, "--listen")) {
            if (!net::HostPort::parse(*where)) throw Error("--listen {}: accepted: HOST:PORT, 0.0.0.0:5000", *where);
            options.listen = *where;
        } else if (auto name = value_of(arguments, i, "--new-key")) {
            options.action = Options::Action::new_key;
            options.new_key_name = *name;
        } else if (argument.starts_with("-") && argument != "-") {
            throw Error("unknown option {}; --help shows what there is", argument);
        } else if (have_config) {
            throw Error("one config at a time, not {} and {}", options.config, argument);
        } else {
            options.config = argument;
            have_config = true;
        }
    }
    if (options.config.empty()) {
        const char* from_environment = std::getenv("MATRIZ_CONFIG_FILE");
        options.config = from_environment != nullptr && *from_environment != '\0' ? from_environment : "clients.json";
    }
    return options;
}

std::string usage() {
    return R"(Usage: matriz-configserver [OPTION]... [CONFIG]

Tells the nodes of a network music performance who else is there.
CONFIG is $MATRIZ_CONFIG_FILE, or clients.json in the current directory, unless given.

      --listen HOST:PORT  listen there, whatever the config says
      --check             validate the config and exit
      --new-key NAME      make a key for NAME: the key for its client.json, its hash for the config
      --help-config       describe the config's keys (--help-config=markdown: as a table)
      --log-json          write the log as one JSON object a line
  -d, --debug             say more
      --version           print the version and exit
  -h, --help              print this and exit

SIGHUP reloads the config. SIGTERM and SIGINT stop; clients are told to come back.
Exit status: 0 stopped or all is well, 1 cannot run, 2 wrong config or command line.
)";
}

}  // namespace matriz

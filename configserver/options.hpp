// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace matriz {

/// The command line.
struct Options {
    enum class Action { run, help, version, check, help_config, help_config_markdown, new_key };
    Action action = Action::run;
    bool debug = false;
    bool log_json = false;
    std::string listen;
    std::string new_key_name;
    std::string config;  ///< empty: $MATRIZ_CONFIG_FILE, or clients.json
};

/// Throws Error with a sentence for the user.
Options parse_options(const std::vector<std::string>& arguments);
std::string usage();

}  // namespace matriz

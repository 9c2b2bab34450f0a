// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/probes/signal.hpp"

namespace matriz::probe {

/// A JACK port to listen to, and what to call it.
struct ReceiveSpec {
    std::string label;
    std::string port;
};

/// One signal: where it is sent to, where it should be heard.
struct GroupSpec {
    std::string name;
    std::vector<std::string> send;
    std::vector<ReceiveSpec> receive;
};

struct Options {
    std::string server;  ///< empty: JACK's default
    std::string name = "jack_probe";
    Background signal = Background::tone;
    double interval = 1;            ///< seconds
    std::optional<double> seconds;  ///< none: until SIGINT or SIGTERM
    bool json = false;
    bool help = false;
    std::vector<GroupSpec> groups;
};

extern const char* const usage;

/// Throws Error with what is wrong and what is accepted.
Options parse_options(std::span<const char* const> arguments);

}  // namespace matriz::probe

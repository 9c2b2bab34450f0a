// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "matrizctl/doctor/finding.hpp"

namespace matriz::ctl::doctor {

struct Request {
    std::string config;  ///< client.json; empty: ./client.json, else /etc/matriz/client.json
    std::string host;    ///< the node's control address; empty: that of the config
    std::uint16_t port = 8555;
    std::string root = "/";                 ///< where /proc, /sys and /etc are looked at
    std::chrono::milliseconds watch{2000};  ///< how long xruns are watched
};

/// Checks the whole way from the sound card to the other places. Takes some seconds. With a node that runs it asks that
/// one and disturbs nothing; without, it visits JACK and the config server itself.
std::vector<Finding> examine(const Request& request);

}  // namespace matriz::ctl::doctor

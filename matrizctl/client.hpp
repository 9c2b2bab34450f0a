// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstdint>
#include <string>

namespace matriz::ctl {

/// What a node's /status answered.
struct Answer {
    std::string text;
    Json::Value json;
};

/// Asks the node at host:port, waiting a few seconds at most. Throws Error with a sentence on what to do when nobody
/// or something else answers.
Answer fetch_status(const std::string& host, std::uint16_t port);

/// What a node's /trust answers: {"pinned":…,"peers":[…]}. Throws Error as above.
Answer fetch_trust(const std::string& host, std::uint16_t port);
/// The same once the certificate with which `name` was refused is trusted. Throws Error with the node's own words when
/// it does not do that.
Answer accept_peer(const std::string& host, std::uint16_t port, const std::string& name);

}  // namespace matriz::ctl

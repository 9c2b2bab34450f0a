// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/ice_server.hpp"
#include "configserver/settings/settings.hpp"

/// The STUN and TURN servers that nodes are told of.
namespace matriz::ice {

/// What a TURN server that shares a secret with us lets in until `expires` (draft-uberti-behave-turn-rest-00):
/// the user name is "<Unix time>:<name>", the password the base64 of its HMAC-SHA1. Pure.
struct Credential {
    std::string username;
    std::string password;
};
Credential make_credential(std::string_view secret, std::string_view name,
                           std::chrono::system_clock::time_point expires);

/// The servers of the config, with credentials for each node. Not thread-safe.
class Servers {
  public:
    /// True when nodes must be told anew.
    bool configure(const std::vector<settings::IceServer>& servers);
    std::vector<protocol::IceServer> of(std::string_view node, std::chrono::system_clock::time_point now) const;
    /// Every how often nodes need new credentials; nothing when none of them ends. A node then always holds some that
    /// last half of their time at least.
    std::optional<std::chrono::seconds> renewal() const;

  private:
    std::vector<settings::IceServer> servers_;
};

}  // namespace matriz::ice

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/protocol/client_info.hpp"

namespace matriz::protocol {

/// The answer to a monitor that registers: {"status":"ok","message":…}, and who is there already.
struct MonitorWelcome {
    std::string message;
    std::vector<ClientInfo> clients;
    std::string room;
};

/// What a monitor gets on every event: {"message":…,"info":"Connected clients: n","clients":[…]}.
struct MonitorEvent {
    std::string message;
    std::vector<ClientInfo> clients;
    std::string room{};  ///< empty: not said
};

/// What a web viewer gets at once and on every change: {"<name>":streaming…,"restart":bool,"refresh":bool}.
struct WebState {
    std::map<std::string, bool> streaming;
    bool restart = false;
    bool refresh = false;
};

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/client_info.hpp"

namespace matriz::hooks {

struct RoomView {
    std::string name;
    std::vector<protocol::ClientInfo> clients;
};

/// Fills a template. {{#clients}}…{{/clients}} is repeated for each client (of all rooms, or of the room around it),
/// {{#rooms}}…{{/rooms}} for each room, {{#streaming}}…{{/streaming}} only when the client's stream can be reached.
/// Inside:
/// {{id}} (the name with nothing but letters, digits and _), {{name}}, {{ip}}, {{port}}, {{room}}: safe between double
/// quotes, because names are what strangers chose. Throws Error that says what is wrong in which line. Pure.
std::string render(std::string_view text, const std::vector<RoomView>& rooms);

}  // namespace matriz::hooks

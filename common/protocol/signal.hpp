// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <string>

namespace matriz::protocol {

/// A message from one member of a room to another that the server passes on without looking inside: {"signal":…,"to":N}
/// on its way to the server, {"signal":…,"from":N} on its way from it.
struct Signal {
    std::string peer;  ///< whom it is for, or who sent it
    Json::Value body;
};

}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <string>

namespace matriz::ctl {

/// A node's answer to /trust as text for a terminal. Missing or strange values are shown as "–". Pure.
std::string render_trust(const Json::Value& trust);

}  // namespace matriz::ctl

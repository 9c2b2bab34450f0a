// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstddef>
#include <string>

namespace matriz::ctl {

/// A node's status as text for a terminal of `width` columns (80 at least; more shows more). Missing or strange values
/// are shown as "–". Pure.
std::string render(const Json::Value& status, std::size_t width, bool colour);

}  // namespace matriz::ctl

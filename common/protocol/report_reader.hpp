// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string_view>

#include "common/protocol/report.hpp"

namespace matriz::protocol {

/// Reads a report in the form that nodes write it, several times faster than a JSON library: a server gets thousands of
/// them each second. Nothing when the text is in any other form, right or wrong: the library then decides. Pure, any
/// thread.
std::optional<Report> read_plain_report(std::string_view text);

}  // namespace matriz::protocol

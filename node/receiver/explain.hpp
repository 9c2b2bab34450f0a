// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace matriz::receiver {

/// What an error of the receiving pipeline means to a musician: GStreamer's text with its details in, a sentence out;
/// the text itself when it is none of the usual ones. Pure.
std::string explain(std::string_view error);

}  // namespace matriz::receiver

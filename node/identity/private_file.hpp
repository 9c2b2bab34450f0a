// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace matriz::identity {

/// Writes a file that its owner alone may read: all or nothing, even through a power cut, and never readable by others,
/// not for a moment. Throws Error; then the file is what it was.
void write_private(const std::string& path, std::string_view text);

}  // namespace matriz::identity

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace matriz::protocol {

/// The SHA-256 fingerprint of a certificate (RFC 8122, section 5) in the one spelling that is compared: 32 hex pairs,
/// upper case, with colons. Nothing when `text` is none. Pure, any thread.
std::optional<std::string> clean_fingerprint(std::string_view text);

}  // namespace matriz::protocol

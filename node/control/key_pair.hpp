// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace matriz::control {

/// Is the private key (PEM) the one of the certificate (PEM)? GLib loads any two; the server would only say that the
/// handshake failed. Pure.
bool belong_together(std::string_view certificate, std::string_view private_key);

}  // namespace matriz::control

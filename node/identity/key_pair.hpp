// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

/// What PEM files hold. Pure; any thread but the audio thread.
namespace matriz::identity {

bool holds_certificate(std::string_view pem);
/// One without a passphrase: nobody is there to be asked.
bool holds_private_key(std::string_view pem);
/// Is the private key (PEM) the one of the certificate (PEM)? GLib loads any two; the server would only say that the
/// handshake failed.
bool belong_together(std::string_view certificate, std::string_view private_key);

}  // namespace matriz::identity

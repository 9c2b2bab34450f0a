// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace matriz::control {

/// Why a connection to the server ended, or never came to be.
struct Closed {
    std::uint16_t code = 0;  ///< close code of the server (RFC 6455, 7.4.1); 0 when it gave none
    std::string text;        ///< a sentence a user can act on
    bool opened = false;     ///< the websocket had been open
};

/// Close codes by which a server says that trying again will not help: a policy (1008), or one of its own (4000–4999).
constexpr bool is_refusal(std::uint16_t code) noexcept { return code == 1008 || (code >= 4000 && code <= 4999); }

}  // namespace matriz::control

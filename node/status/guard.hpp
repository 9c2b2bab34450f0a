// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace matriz::status {

/// May a request with these headers (empty: missing) be answered? A web page that a musician has open must not read the
/// node: by DNS rebinding it would come with its own name as Host, from elsewhere with its own Origin. So Host must be
/// an IP address or localhost, and Origin, if there is one, too. Pure.
bool is_allowed(std::string_view host, std::string_view origin) noexcept;

/// May a request change something? Only from a program on this machine that means it: `marker` is its X-Matriz header,
/// which a web page cannot send elsewhere without being allowed to first, and a page that could would say its Origin.
/// Pure.
bool may_change(bool on_this_machine, std::string_view origin, std::string_view marker) noexcept;

}  // namespace matriz::status

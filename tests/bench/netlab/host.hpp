// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "tests/bench/netlab/fd.hpp"

namespace matriz::netlab {

/// One host: a network namespace without a name, and the TUN device "net0" that is its only way out. Both are gone when
/// the last descriptor and the last process in it are, however this program ends.
struct Host {
    Fd space;   ///< for setns(2)
    Fd tunnel;  ///< whole IP packets, non-blocking
};

/// Makes a host with `address`/24 (host byte order). The calling thread is back in its own namespace afterwards. Needs
/// CAP_NET_ADMIN and CAP_SYS_ADMIN; throws Error.
Host make_host(std::uint32_t address);

}  // namespace matriz::netlab

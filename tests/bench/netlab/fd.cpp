// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/fd.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"

namespace matriz::netlab {

Fd::~Fd() {
    if (fd_ >= 0) close(fd_);
}

int checked(int result, const std::string& what) {
    if (result < 0) throw Error("{}: {}", what, std::strerror(errno));
    return result;
}

}  // namespace matriz::netlab

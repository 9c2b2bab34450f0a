// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

namespace matriz::ctl {

/// The command line is wrong; the text says how.
class UsageError : public Error {
  public:
    using Error::Error;
};

struct Options {
    enum class Command { status, doctor, trust, help, version };
    Command command = Command::status;
    bool has_control = false;        ///< host and port were given
    std::string host = "127.0.0.1";  ///< without brackets
    std::uint16_t port = 8555;
    std::string config;      ///< doctor: the client.json; empty: ./client.json, else that of the service
    std::string root = "/";  ///< doctor: where it looks at the machine
    std::string name;        ///< trust: whom; empty: show all
    bool json = false;
    bool watch = false;
};

/// Throws UsageError. `arguments` is the command line without the program's name.
Options parse_options(const std::vector<std::string_view>& arguments);

std::string_view help_text() noexcept;

}  // namespace matriz::ctl

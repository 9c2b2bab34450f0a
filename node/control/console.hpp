// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/glib/source.hpp"

namespace matriz::control {

/// What a person can type while the node runs.
enum class Command {
    end,         ///< stop the node
    deregister,  ///< leave the mesh, keep running
    join,        ///< back into the mesh: "register"
    help,
};

/// A line of the console; nothing when it is no command. Pure.
std::optional<Command> parse_command(std::string_view line);
/// What `help` prints.
std::string_view console_help() noexcept;

/// Reads commands from a terminal, line by line. Main thread only.
class Console {
  public:
    struct Handlers {
        std::function<void(Command)> command;
        std::function<void(std::string_view)> unknown;  ///< the line that is no command
    };

    /// Listens on `fd`, which stays the caller's. Ends by itself at end of file.
    Console(int fd, Handlers handlers);

    /// Is standard input a terminal?
    static bool available() noexcept;
    bool open() const { return source_.active(); }

  private:
    void listen();
    void readable();

    int fd_;
    Handlers handlers_;
    std::string line_;
    bool overlong_ = false;
    glib::Source source_;
};

}  // namespace matriz::control

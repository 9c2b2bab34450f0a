// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/console.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace matriz::control {
namespace {

constexpr std::size_t longest_line = 256;
constexpr std::string_view blanks = " \t\r\n";

/// May this process read from the terminal `fd`? In the background a read would stop the whole node (SIGTTIN), audio
/// and all. What is no terminal can always be read.
bool may_read(int fd) noexcept { return isatty(fd) == 0 || tcgetpgrp(fd) == getpgrp(); }

}  // namespace

std::optional<Command> parse_command(std::string_view line) {
    const auto start = line.find_first_not_of(blanks);
    if (start == std::string_view::npos) return std::nullopt;
    line = line.substr(start, line.find_last_not_of(blanks) - start + 1);
    if (line == "end" || line == "quit" || line == "exit") return Command::end;
    if (line == "deregister") return Command::deregister;
    if (line == "register") return Command::join;
    if (line == "help" || line == "?") return Command::help;
    return std::nullopt;
}

std::string_view console_help() noexcept {
    return "end         stop this node\n"
           "deregister  leave the mesh, keep the node running\n"
           "register    come back into the mesh\n"
           "help        this text\n";
}

Console::Console(int fd, Handlers handlers) : fd_(fd), handlers_(std::move(handlers)) { listen(); }

bool Console::available() noexcept { return isatty(STDIN_FILENO) == 1; }

void Console::listen() {
    source_ = glib::Source::on_readable(fd_, [this] { readable(); });
}

void Console::readable() {
    if (!may_read(fd_)) {  // somebody types to the shell; look again later instead of spinning on its input
        source_ = glib::Source::after(std::chrono::seconds{1}, [this] { listen(); });
        return;
    }
    std::array<char, 256> buffer;
    const ssize_t count = read(fd_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
        source_.cancel();
        return;
    }
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(count))) {
        if (c != '\n') {
            if (line_.size() < longest_line)
                line_ += c;
            else
                overlong_ = true;
            continue;
        }
        const std::string line = std::exchange(line_, {});
        const bool overlong = std::exchange(overlong_, false);
        if (const auto command = overlong ? std::nullopt : parse_command(line))
            handlers_.command(*command);
        else if (line.find_first_not_of(blanks) != std::string::npos)
            handlers_.unknown(line);
    }
}

}  // namespace matriz::control

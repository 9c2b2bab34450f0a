// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <list>
#include <string>

#include "tests/bench/netlab/exchange.hpp"
#include "tests/bench/netlab/fd.hpp"

namespace matriz::netlab {

/// Takes commands, one a line, while the exchange runs: from a UNIX socket, and from standard input if asked. Commands:
/// "link …", "both …" (new conditions), "stats", "quit", "host NAME" (the answer carries the namespace's descriptor).
/// Answers are one line: "ok …" or "error …".
class Control {
  public:
    /// `path` empty: no socket. With `use_stdin`, the end of standard input stops the exchange. Throws Error.
    Control(Exchange& exchange, std::string path, bool use_stdin);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

  private:
    struct Client {
        Fd socket;
        std::string pending;
    };
    void accept_client();
    void read_client(Client& client);
    void read_stdin();
    void handle(const std::string& line, int answer_to, bool is_socket);
    void handle_lines(std::string& pending, int answer_to, bool is_socket);
    void leave(Client& client);

    Exchange& exchange_;
    std::string path_;
    Fd listener_;
    std::list<Client> clients_;
    std::string pending_stdin_;
};

/// Connects to the control socket of a running network and asks. Throws Error if there is no answer or it is an error.
/// If `descriptor` is given, it takes the descriptor that came with the answer.
std::string ask(const std::string& path, const std::string& command, Fd* descriptor = nullptr);

}  // namespace matriz::netlab

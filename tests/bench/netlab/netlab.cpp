// SPDX-License-Identifier: GPL-3.0-or-later
// A network on one machine: hosts in namespaces of their own, and between them delay, jitter, loss and all the rest.
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "tests/bench/netlab/control.hpp"
#include "tests/bench/netlab/exchange.hpp"
#include "tests/bench/netlab/spec.hpp"

namespace matriz::netlab {
namespace {

const char* const usage =
    R"(usage: netlab run [--socket PATH] [--stdin] [SPEC]   run the network of the file SPEC (- or none: standard input)
       netlab exec --socket PATH HOST -- COMMAND...    run a command on a host
       netlab ctl --socket PATH COMMAND                change or ask a running network

SPEC has lines, "#" starts a comment:
  hosts A B C                  names; they get 10.77.0.1, .2, .3 on the device net0
  network 10.77.0.0            another /24
  seed N                       of all chance (1)
  link FROM TO SETTING...      conditions of one direction; * is every host
  both A B SETTING...          of both directions
Settings:
  delay=MS
  jitter=none | const:MS (every second packet) | uniform:MS (0...MS) | exp:MEAN_MS | step:MEAN_MS:MEAN_MS:SECONDS
  loss=PERCENT[:BURST]         with BURST, losses come in bursts of that mean length (Gilbert)
  reorder=PERCENT:MS           so many packets come that much later, and are overtaken; all others keep their order
  dup=PERCENT
  rate=KBIT:QUEUE_MS           what would wait longer than the queue is dropped; rate=0:0 is no limit
Commands to a running network: link..., both..., stats, quit; with --stdin also from standard input, whose end
stops the network. When it is up it prints "ready" and the hosts' addresses, at its end its statistics as JSON.
Namespaces have no names: nothing is left behind, however the program ends. Needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN).
)";

struct Arguments {
    std::string socket;
    bool use_stdin = false;
    std::vector<std::string> rest;
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 2; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--socket" && i + 1 < argc) {
            arguments.socket = argv[++i];
        } else if (argument == "--stdin") {
            arguments.use_stdin = true;
        } else if (argument == "--") {
            arguments.rest.insert(arguments.rest.end(), argv + i + 1, argv + argc);
            break;
        } else {
            arguments.rest.push_back(argument);
        }
    }
    return arguments;
}

std::string read_all(const std::string& path) {
    if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
    std::ifstream file(path);
    if (!file) throw Error("cannot read {}", path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Above JACK's audio threads: the wire must not wait for whom it serves, and takes microseconds.
void become_real_time() {
    sched_param parameters{};
    parameters.sched_priority = 85;
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) != 0 ||
        mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        fmt::print(stderr, "netlab: no real-time priority, delays will be inexact: {}\n", std::strerror(errno));
}

int run(const Arguments& arguments) {
    const std::string file = arguments.rest.empty() ? "-" : arguments.rest[0];
    if (file == "-" && arguments.use_stdin) throw Error("with --stdin, SPEC has to be a file");
    const Spec spec = parse_spec(read_all(file));
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const Fd signal_fd(checked(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC), "make a signalfd"));

    Exchange exchange(spec);
    exchange.watch(signal_fd.get(), [&exchange] { exchange.stop(); });
    const Control control(exchange, arguments.socket, arguments.use_stdin);
    become_real_time();
    fmt::print("ready");
    for (std::size_t i = 0; i < spec.hosts.size(); ++i) fmt::print(" {}={}", spec.hosts[i], spec.address(i));
    fmt::print("\n");
    std::fflush(stdout);
    exchange.run();
    fmt::print("{}\n", exchange.statistics());
    return 0;
}

int execute(const Arguments& arguments) {
    if (arguments.socket.empty() || arguments.rest.size() < 2)
        throw Error("netlab exec --socket PATH HOST -- COMMAND… is wanted");
    Fd space;
    ask(arguments.socket, "host " + arguments.rest[0], &space);
    checked(setns(space.get(), CLONE_NEWNET), "enter the host");
    std::vector<char*> command;
    for (std::size_t i = 1; i < arguments.rest.size(); ++i)
        command.push_back(const_cast<char*>(arguments.rest[i].c_str()));
    command.push_back(nullptr);
    execvp(command[0], command.data());
    throw Error("{}: {}", arguments.rest[1], std::strerror(errno));
}

int control(const Arguments& arguments) {
    if (arguments.socket.empty() || arguments.rest.empty()) throw Error("netlab ctl --socket PATH COMMAND is wanted");
    std::string command;
    for (const std::string& word : arguments.rest) command += (command.empty() ? "" : " ") + word;
    const std::string answer = ask(arguments.socket, command);
    if (!answer.empty()) fmt::print("{}\n", answer);
    return 0;
}

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "--help" || verb == "-h") {
        fmt::print("{}", usage);
        return 0;
    }
    try {
        const Arguments arguments = parse(argc, argv);
        if (verb == "run") return run(arguments);
        if (verb == "exec") return execute(arguments);
        if (verb == "ctl") return control(arguments);
    } catch (const std::exception& error) {
        fmt::print(stderr, "netlab: {}\n", describe(error));
        return 1;
    }
    fmt::print(stderr, "{}", usage);
    return 2;
}

}  // namespace
}  // namespace matriz::netlab

int main(int argc, char** argv) { return matriz::netlab::main(argc, argv); }

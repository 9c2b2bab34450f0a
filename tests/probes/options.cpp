// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/options.hpp"

#include <charconv>
#include <string_view>

#include "common/base/error.hpp"

namespace matriz::probe {

const char* const usage =
    R"(usage: jack_probe [--server NAME] [--name NAME] [--signal chirp|tone|string|speech]
                  [--group NAME] --send PORT[,PORT...] --receive LABEL=PORT... [--group ...]
                  [--interval S] [--seconds N] [--json]

Measures between JACK ports: plays a signal into every --send port and listens on every --receive port. Ports may
appear and disappear at any time; they are connected whenever they exist.

  --group NAME          starts another sender with a signal of its own, told apart from the others; the --send and
                        --receive that follow belong to it (the first needs no --group)
  --send PORT,...       input ports (client:port) that the group's signal is played into
  --receive LABEL=PORT  an output port that should carry the group's signal
  --signal KIND         under the chirps: a steady tone (the default), plucked strings, a voice, or nothing (chirp;
                        nothing to count glitches on)
  --server NAME         the JACK server (default: $JACK_DEFAULT_SERVER or "default")
  --name NAME           JACK clients are called NAME-out and NAME-in (default jack_probe)
  --interval S          seconds between reports (1)
  --seconds N           end after N seconds (default: at SIGINT or SIGTERM)
  --json                one JSON object a line instead of a table; also one, of type "onset", whenever sound begins on
                        a port after silence, with the CLOCK_MONOTONIC time

Latency is the time in JACK frames from the cycle and frame in which a sample goes into the sending port to that in
which it comes out of the receiving port: all between the two ports counts, the probe itself does not; a client that
copies its input to its output within one cycle measures 0. It is the median of the last five chirps, one every 600 ms.
Exit status: 0 every receiving port was heard, 1 at least one never was, 2 wrong usage, 3 JACK failed.
)";

namespace {

double parse_number(std::string_view option, std::string_view text, double least) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= least))
        throw Error("{} {}: a number of seconds, at least {}, is wanted", option, text, least);
    return value;
}

std::vector<std::string> split_ports(std::string_view list) {
    std::vector<std::string> ports;
    while (!list.empty()) {
        const auto comma = list.find(',');
        const std::string_view port = list.substr(0, comma);
        if (port.find(':') == std::string_view::npos) throw Error("--send {}: not a JACK port (client:port)", port);
        ports.emplace_back(port);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
    return ports;
}

ReceiveSpec parse_receive(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0 || text.find(':', equals) == std::string_view::npos)
        throw Error("--receive {}: LABEL=client:port is wanted", text);
    return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

void check(const Options& options) {
    if (options.help) return;
    if (options.groups.empty()) throw Error("nothing to do: --send and --receive are needed");
    if (options.groups.size() > variants) throw Error("at most {} groups", variants);
    for (const GroupSpec& group : options.groups) {
        if (group.send.empty()) throw Error("group {}: --send is missing", group.name);
        if (group.receive.empty()) throw Error("group {}: --receive is missing", group.name);
    }
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
    Options options;
    const auto group = [&]() -> GroupSpec& {
        if (options.groups.empty()) options.groups.push_back({"probe", {}, {}});
        return options.groups.back();
    };
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view option = arguments[i];
        const auto value = [&]() -> std::string_view {
            if (i + 1 >= arguments.size()) throw Error("{}: a value is missing", option);
            return arguments[++i];
        };
        if (option == "--help" || option == "-h") {
            options.help = true;
        } else if (option == "--json") {
            options.json = true;
        } else if (option == "--server") {
            options.server = value();
        } else if (option == "--name") {
            options.name = value();
        } else if (option == "--signal") {
            options.signal = parse_background(value());
        } else if (option == "--interval") {
            options.interval = parse_number(option, value(), 0.1);
        } else if (option == "--seconds") {
            options.seconds = parse_number(option, value(), 0.1);
        } else if (option == "--group") {
            options.groups.push_back({std::string(value()), {}, {}});
        } else if (option == "--send") {
            for (std::string& port : split_ports(value())) group().send.push_back(std::move(port));
        } else if (option == "--receive") {
            group().receive.push_back(parse_receive(value()));
        } else {
            throw Error("{}: not an option; see --help", option);
        }
    }
    check(options);
    return options;
}

}  // namespace matriz::probe

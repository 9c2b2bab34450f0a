// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/options.hpp"

#include <charconv>

namespace matriz::ctl {
namespace {

/// "HOST:PORT", "[IPV6]:PORT", "HOST" or ":PORT".
void read_control(std::string_view text, Options& options) {
    const auto wrong = [text] { return UsageError("--control: \"{}\" is not HOST:PORT", text); };
    const std::string_view whole = text;
    std::string_view host;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) throw wrong();
        host = text.substr(1, end - 1);
        text = text.substr(end + 1);
    } else {
        host = text.substr(0, text.find(':'));
        text = text.substr(host.size());
    }
    if (!host.empty()) options.host = host;
    if (text.empty() && !whole.empty()) return;
    if (!text.starts_with(':')) throw wrong();
    text.remove_prefix(1);
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), options.port);
    if (error != std::errc{} || stop != text.data() + text.size() || options.port == 0) throw wrong();
}

}  // namespace

Options parse_options(const std::vector<std::string_view>& arguments) {
    Options options;
    bool has_command = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        constexpr std::string_view control = "--control=";
        if (argument == "--config" || argument == "--root") {
            if (++i == arguments.size()) throw UsageError("{} wants a path after it", argument);
            (argument == "--config" ? options.config : options.root) = arguments[i];
            continue;
        }
        options.has_control |= argument.starts_with("--control");
        if (argument == "--help" || argument == "-h") {
            options.command = Options::Command::help;
            return options;
        }
        if (argument == "--version") {
            options.command = Options::Command::version;
            return options;
        }
        if (argument == "--json")
            options.json = true;
        else if (argument == "--watch")
            options.watch = true;
        else if (argument.starts_with(control))
            read_control(argument.substr(control.size()), options);
        else if (argument == "--control") {
            if (++i == arguments.size()) throw UsageError("--control wants HOST:PORT after it");
            read_control(arguments[i], options);
        } else if (argument.starts_with('-'))
            throw UsageError("there is no option {}", argument);
        else if (options.command == Options::Command::trust && options.name.empty() && !argument.empty())
            options.name = argument;
        else if (has_command)
            throw UsageError("one command is enough; what is \"{}\" for?", argument);
        else if (argument == "status" || argument == "doctor" || argument == "trust") {
            has_command = true;
            if (argument == "trust") options.command = Options::Command::trust;
            if (argument == "doctor") options.command = Options::Command::doctor;
        } else
            throw UsageError("there is no command \"{}\"", argument);
    }
    if (!has_command) throw UsageError("no command given");
    return options;
}

std::string_view help_text() noexcept {
    return "matrizctl: shows how a matriz node on this machine is doing\n"
           "\n"
           "usage: matrizctl status [--json] [--watch] [--control HOST:PORT]\n"
           "       matrizctl doctor [--json] [--config FILE] [--control HOST:PORT] [--root DIR]\n"
           "       matrizctl trust [NAME] [--json] [--control HOST:PORT]\n"
           "       matrizctl --help | --version\n"
           "\n"
           "  status               the node, its JACK and config server, what it sends, and whom it hears\n"
           "  doctor               check the whole way, from the sound card to the other places, and say what is "
           "wrong\n"
           "  trust                with `trust` \"pinned\": the certificates of the peers that this node knows\n"
           "  trust NAME           from now on NAME is taken as it came when it was refused\n"
           "  --json               the same as JSON\n"
           "  --watch              again every second, until Ctrl-C\n"
           "  --control HOST:PORT  the node's `control` address (default 127.0.0.1:8555)\n"
           "  --config FILE        doctor: the node's config (default ./client.json, else /etc/matriz/client.json)\n"
           "  --root DIR           doctor: look at the machine whose /proc, /sys and /etc are below DIR\n"
           "\n"
           "Exit status: 0 shown, or nothing is wrong; 1 the node does not answer, or something is wrong; 2 wrong "
           "usage.\n";
}

}  // namespace matriz::ctl

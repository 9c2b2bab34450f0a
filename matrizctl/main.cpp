// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "matrizctl/client.hpp"
#include "matrizctl/doctor/doctor.hpp"
#include "matrizctl/options.hpp"
#include "matrizctl/table.hpp"
#include "matrizctl/trust_table.hpp"
#include "version.h"

namespace {

using namespace matriz;

struct Terminal {
    bool present = isatty(STDOUT_FILENO) == 1;

    bool colour() const { return present && std::getenv("NO_COLOR") == nullptr; }
    std::size_t width() const {
        constexpr std::size_t elsewhere = 240;
        winsize size{};
        if (!present || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return elsewhere;
        return size.ws_col;
    }
};

/// False when standard output is gone.
bool print(const std::string& text) { return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0; }

std::string show(const ctl::Options& options, const Terminal& terminal) {
    const ctl::Answer answer = ctl::fetch_status(options.host, options.port);
    return options.json ? answer.text : ctl::render(answer.json, terminal.width(), terminal.colour());
}

std::string trust(const ctl::Options& options) {
    const ctl::Answer answer = options.name.empty() ? ctl::fetch_trust(options.host, options.port)
                                                    : ctl::accept_peer(options.host, options.port, options.name);
    return options.json ? answer.text : ctl::render_trust(answer.json);
}

int examine(const ctl::Options& options, const Terminal& terminal) {
    ctl::doctor::Request request;
    request.config = options.config;
    request.root = options.root;
    if (options.has_control) {
        request.host = options.host;
        request.port = options.port;
    }
    const auto findings = ctl::doctor::examine(request);
    print(options.json ? ctl::doctor::to_json(findings) : ctl::doctor::to_text(findings, terminal.colour()));
    return ctl::doctor::exit_status(findings);
}

void watch(const ctl::Options& options, const Terminal& terminal) {
    bool first = true;
    while (true) {
        std::string text;
        try {
            text = show(options, terminal);
        } catch (const Error& error) {  // it may come back: watching goes on
            if (first) throw;
            text = fmt::format("{}\n", describe(error));
        }
        // Home, the new text, then away with the rest: no flicker.
        if (terminal.present) {
            std::string lines;
            for (const char c : text) lines += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
            text = (first ? "\033[2J\033[H" : "\033[H") + lines + "\033[J";
        } else if (!first && !options.json)
            text = "\n" + text;
        if (!print(text)) return;
        first = false;
        std::this_thread::sleep_for(std::chrono::seconds{1});
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::setlocale(LC_CTYPE, "");
    try {
        const ctl::Options options = ctl::parse_options(std::vector<std::string_view>(argv + 1, argv + argc));
        const Terminal terminal;
        switch (options.command) {
            case ctl::Options::Command::help:
                print(std::string(ctl::help_text()));
                break;
            case ctl::Options::Command::version:
                print("matrizctl " MATRIZ_VERSION "\n");
                break;
            case ctl::Options::Command::doctor:
                return examine(options, terminal);
            case ctl::Options::Command::trust:
                print(trust(options));
                break;
            case ctl::Options::Command::status:
                if (options.watch)
                    watch(options, terminal);
                else
                    print(show(options, terminal));
                break;
        }
        return EXIT_SUCCESS;
    } catch (const ctl::UsageError& error) {
        fmt::print(stderr, "matrizctl: {}\n\n{}", error.what(), ctl::help_text());
        return 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "matrizctl: {}\n", describe(error));
        return EXIT_FAILURE;
    }
}

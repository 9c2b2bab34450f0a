// SPDX-License-Identifier: GPL-3.0-or-later
// Runs receivers alone, without config file, control and emitter. Lines on standard input start and stop them ("start
// NAME ADDRESS PORT", "stop NAME"); each second, and after each line, it prints how they are as a line of JSON.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glib-unix.h>
#include <gst/gst.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "node/receiver/receiver.hpp"
#include "plugins/jack/client.hpp"

namespace {

using namespace matriz;

constexpr const char* usage = "hear [--jack-client NAME] [--jack-server NAME] [--channels N] [--udp FIRST-LAST]\n";

std::string quoted(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    return text;
}

class Hear {
  public:
    explicit Hear(receiver::ReceiverConfig config)
        : config_(std::move(config)), jack_(jack::Client::shared(config_.jack_client, config_.jack_server)) {}

    /// Opens JACK when it is not there, as a node does.
    void keep_jack() {
        if (jack_->status().state != jack::Status::State::open) jack_->try_open();
    }

    void on_line(const std::string& line) {
        std::istringstream words(line);
        std::string word, name;
        words >> word >> name;
        if (word == "start") {
            receiver::ReceiverConfig config = config_;
            config.peer = name;
            words >> config.address >> config.port;
            receivers_[name] = std::make_unique<receiver::Receiver>(config, reaper_);
        } else if (word == "stop") {
            receivers_.erase(name);
        }
        print();
    }

    void print() const {
        std::vector<std::string> lines;
        for (const auto& [name, receiver] : receivers_) {
            const auto now = receiver->status();
            lines.push_back(fmt::format(
                R"("{}":{{"state":"{}","reason":"{}","transport":"{}","codec":"{}","attempts":{},"received":{},"lost":{},"late":{},"delay_ms":{:.3f},"target_ms":{:.3f},"peak":{:.3f},"heard":{}}})",
                quoted(name), receiver::name(now.state), quoted(now.reason), now.transport, now.codec, now.attempts,
                now.playout.received, now.playout.lost, now.playout.late, now.playout.delay_ms, now.playout.target_ms,
                now.playout.level_peak, now.first_packet.has_value()));
        }
        fmt::print("{{\"closing\":{},\"jack\":{},\"peers\":{{{}}}}}\n", reaper_.pending(),
                   jack_->status().state == jack::Status::State::open, fmt::join(lines, ","));
        std::fflush(stdout);
    }

  private:
    receiver::ReceiverConfig config_;
    std::shared_ptr<jack::Client> jack_;
    gst::Reaper reaper_;
    std::map<std::string, std::unique_ptr<receiver::Receiver>> receivers_;
};

receiver::ReceiverConfig parse(int argc, char** argv) {
    receiver::ReceiverConfig config;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view option = argv[i];
        if (i + 1 == argc) throw Error("{}", usage);
        const std::string value = argv[i + 1];
        if (option == "--jack-client") {
            config.jack_client = value;
        } else if (option == "--jack-server") {
            config.jack_server = value;
        } else if (option == "--channels") {
            config.channels = std::stoi(value);
        } else if (option == "--udp") {
            config.udp_ports = {.first = static_cast<std::uint16_t>(std::stoi(value)),
                                .last = static_cast<std::uint16_t>(std::stoi(value.substr(value.find('-') + 1)))};
        } else {
            throw Error("unknown option {}\n{}", option, usage);
        }
    }
    return config;
}

gboolean on_input(gint, GIOCondition condition, gpointer data) noexcept {
    std::string line;
    if ((condition & G_IO_IN) == 0 || !std::getline(std::cin, line)) return G_SOURCE_REMOVE;
    static_cast<Hear*>(data)->on_line(line);
    return G_SOURCE_CONTINUE;
}

void run(const receiver::ReceiverConfig& config) {
    const auto loop = glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE));
    Hear hear(config);
    hear.keep_jack();
    const guint watch = g_unix_fd_add(STDIN_FILENO, static_cast<GIOCondition>(G_IO_IN | G_IO_HUP), on_input, &hear);
    const auto quit = [&] { g_main_loop_quit(loop.get()); };
    const auto term = glib::Source::on_signal(SIGTERM, quit);
    const auto interrupt = glib::Source::on_signal(SIGINT, quit);
    const auto jack = glib::Source::every(std::chrono::milliseconds{250}, [&] { hear.keep_jack(); });
    const auto every = glib::Source::every(std::chrono::seconds{1}, [&] { hear.print(); });
    g_main_loop_run(loop.get());
    if (GSource* source = g_main_context_find_source_by_id(nullptr, watch)) g_source_destroy(source);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        log::set_level(log::Level::debug);
        run(parse(argc, argv));
        gst_deinit();
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        fmt::print(stderr, "hear: {}\n", describe(error));
        return 2;
    }
}

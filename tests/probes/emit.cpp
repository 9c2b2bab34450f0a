// SPDX-License-Identifier: GPL-3.0-or-later
// Runs an emitter alone, without config file, control and receivers. Each second, and whenever a line comes in, it
// prints its status as a line of JSON. A line "allow A B …" on standard input replaces the client list, "addresses"
// says that this machine's have changed, "freeze" stops the thread that JACK calls the capture's client on.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glib-unix.h>
#include <gst/gst.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "node/emitter/emitter.hpp"
#include "tests/probes/frozen_thread.hpp"

namespace {

using namespace matriz;

constexpr const char* usage =
    "emit [--jack-client NAME] [--jack-server NAME] [--channels N] [--frame MS] [--bitrate B] [--interface IF]\n"
    "     [--port N] [--udp FIRST-LAST] [--allow NETWORK]… [--record FOLDER] [--flac] [--codec NAME]\n     "
    "[--renew-after PERIODS]\n";

std::string quoted(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    return text;
}

void print(const emitter::EmitterStatus& status) {
    std::vector<std::string> levels, listeners;
    for (const auto& level : status.levels) levels.push_back(fmt::format("{:.1f}", level.peak_db));
    for (const auto& listener : status.listeners) {
        const auto report = listener.report;
        listeners.push_back(fmt::format(
            R"({{"address":"{}","tcp":{},"port":{},"seconds":{:.0f},"reported":{},"lost":{},"jitter_ms":{:.3f}}})",
            listener.address, listener.tcp, listener.port, listener.seconds, report.has_value(),
            report ? report->lost : 0, report ? report->jitter_ms : 0));
    }
    const auto recording = status.recording.value_or(emitter::RecordingStatus{});
    fmt::print(
        R"({{"capturing":{},"reason":"{}","rate":{},"period":{},"packet_ms":{},"bitrate":{},"packets":{},"bytes":{},)"
        R"("port":{},"peak_db":[{}],)"
        R"("listeners":[{}],"refused":{},"recording":{{"on":{},"path":"{}","seconds":{:.2f},"dropped":{},"error":"{}"}}}})"
        "\n",
        status.capture.capturing, quoted(status.capture.reason), status.capture.timing.rate.hz,
        status.capture.timing.period.count, status.rate.packet.count(), status.rate.bitrate, status.packets,
        status.bytes, status.rtsp_port, fmt::join(levels, ","), fmt::join(listeners, ","), status.refused,
        recording.recording, recording.path, recording.seconds, recording.dropped_frames, quoted(recording.error));
    std::fflush(stdout);
}

emitter::EmitterConfig parse(int argc, char** argv) {
    emitter::EmitterConfig config;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--flac") {
            config.record.format = emitter::RecordFormat::flac;
            continue;
        }
        if (option == "--help" || i + 1 == argc) throw Error("{}", usage);
        const std::string value = argv[++i];
        if (option == "--jack-client")
            config.jack_client = value;
        else if (option == "--jack-server")
            config.jack_server = value;
        else if (option == "--channels")
            config.stream.channels = std::stoi(value);
        else if (option == "--frame")
            config.stream.frame = std::chrono::microseconds(static_cast<int>(std::stod(value) * 1000));
        else if (option == "--bitrate")
            config.stream.bitrate = std::stoi(value);
        else if (option == "--codec")
            config.stream.codec = dsp::codec_from_name(value).value();
        else if (option == "--interface")
            config.interface = value;
        else if (option == "--port")
            config.port = static_cast<std::uint16_t>(std::stoi(value));
        else if (option == "--udp") {
            const auto dash = value.find('-');
            config.udp_ports = {.first = static_cast<std::uint16_t>(std::stoi(value)),
                                .last = static_cast<std::uint16_t>(std::stoi(value.substr(dash + 1)))};
        } else if (option == "--allow")
            config.allow.push_back(value);
        else if (option == "--renew-after")
            config.renew_after = static_cast<std::uint32_t>(std::stoul(value));
        else if (option == "--record")
            config.record = {.enabled = true, .folder = value, .format = config.record.format};
        else
            throw Error("unknown option {}\n{}", option, usage);
    }
    return config;
}

/// The thread on which JACK calls the client inherits the name of the one that opened it, and waits in every period.
void freeze_capture() {
    static std::optional<probe::FrozenThread> frozen;
    const std::string name = "matriz-opener";
    const auto before = probe::FrozenThread::waits(name);
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
    const auto thread = probe::FrozenThread::most(before, probe::FrozenThread::waits(name)).first;
    if (thread == 0) throw Error("no thread waits for JACK");
    frozen.emplace(thread);
}

void on_line(emitter::Emitter& emitter, const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "allow") {
        std::vector<std::string> peers;
        while (words >> word) peers.push_back(word);
        emitter.set_allowed(peers);
    }
    if (word == "addresses") emitter.addresses_changed();
    if (word == "freeze") freeze_capture();
    print(emitter.status());
}

struct Input {
    emitter::Emitter& emitter;
    static gboolean ready(gint, GIOCondition condition, gpointer data) noexcept {
        std::string line;
        if ((condition & G_IO_IN) == 0 || !std::getline(std::cin, line)) return G_SOURCE_REMOVE;
        on_line(static_cast<Input*>(data)->emitter, line);
        return G_SOURCE_CONTINUE;
    }
};

void run(const emitter::EmitterConfig& config) {
    const auto loop = glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE));
    emitter::Emitter emitter(config);
    Input input{emitter};
    const guint watch =
        g_unix_fd_add(STDIN_FILENO, static_cast<GIOCondition>(G_IO_IN | G_IO_HUP), Input::ready, &input);
    const auto quit = [&] { g_main_loop_quit(loop.get()); };
    const auto term = glib::Source::on_signal(SIGTERM, quit);
    const auto interrupt = glib::Source::on_signal(SIGINT, quit);
    const auto every = glib::Source::every(std::chrono::seconds{1}, [&] { print(emitter.status()); });
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
        fmt::print(stderr, "emit: {}\n", describe(error));
        return 2;
    }
}

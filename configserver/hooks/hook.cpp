// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/hooks/hook.hpp"

#include <json/json.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/glib/error.hpp"
#include "common/protocol/json.hpp"

namespace matriz::hooks {
namespace {

constexpr std::size_t max_template = std::size_t{1024} * 1024;

std::string as_json(const std::vector<RoomView>& rooms) {
    Json::Value list(Json::arrayValue);
    for (const RoomView& room : rooms) {
        Json::Value clients(Json::arrayValue);
        for (const auto& client : room.clients) {
            Json::Value item(Json::objectValue);
            item["name"] = client.name;
            item["ip"] = client.ip;
            item["port"] = client.port;
            item["stream"] = client.stream;
            clients.append(std::move(item));
        }
        Json::Value entry(Json::objectValue);
        entry["name"] = room.name;
        entry["clients"] = std::move(clients);
        list.append(std::move(entry));
    }
    Json::Value root(Json::objectValue);
    root["rooms"] = std::move(list);
    return protocol::write(root) + "\n";
}

}  // namespace

Hook::~Hook() {
    *self_ = nullptr;
    kill_group();
}

void Hook::configure(Settings settings) {
    settings_ = std::move(settings);
    if (!settings_.template_path.empty()) changed();
}

void Hook::changed() {
    if (!settings_.active()) return;
    if (process_) {
        again_ = true;
    } else if (!delay_.active()) {
        // From the first change on, not the last: a busy server must not put it off for ever.
        delay_ = glib::Source::after(settings_.delay, [this] { act(); });
    }
}

void Hook::act() {
    const auto rooms = snapshot_();
    if (!settings_.template_path.empty()) render_output(rooms);
    if (!settings_.command.empty()) run_command(rooms);
}

void Hook::render_output(const std::vector<RoomView>& rooms) {
    try {
        std::ifstream stream(settings_.template_path, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(stream), {}};
        if (!stream.is_open() || stream.bad()) throw Error("it cannot be read");
        if (text.size() > max_template) throw Error("it is larger than 1 MiB");
        const std::string rendered = render(text, rooms);
        glib::ErrorSlot error;
        // Written beside it and renamed: a reader sees the old file or the new one, never half of one.
        g_file_set_contents_full(settings_.output_path.c_str(), rendered.data(), static_cast<gssize>(rendered.size()),
                                 G_FILE_SET_CONTENTS_CONSISTENT, 0644, error.out());
        error.throw_if_set();
    } catch (const std::exception& error) {
        ++counters_.failures;
        log_.error("template {}: {}", settings_.template_path, error.what());
    }
}

void Hook::run_command(const std::vector<RoomView>& rooms) {
    std::vector<const char*> argv;
    for (const std::string& word : settings_.command) argv.push_back(word.c_str());
    argv.push_back(nullptr);
    glib::ErrorSlot error;
    ++counters_.runs;
    running_ = settings_.command.front();
    const auto launcher =
        glib::Ref<GSubprocessLauncher>::adopt(g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE));
    // A process group of its own, so that what a script has started ends with it.
    g_subprocess_launcher_set_child_setup(
        launcher.get(), [](gpointer) { setpgid(0, 0); }, nullptr, nullptr);
    process_ = glib::Ref<GSubprocess>::adopt(g_subprocess_launcher_spawnv(launcher.get(), argv.data(), error.out()));
    if (!process_) {
        ++counters_.failures;
        log_.error("cannot run {}: {}", running_, error.message());
        return;
    }
    const std::string json = as_json(rooms);
    const auto input = glib::Ref<GBytes>::adopt(g_bytes_new(json.data(), json.size()));
    // Whether the program reads its input is its own affair; its exit status counts.
    g_subprocess_communicate_async(
        process_.get(), input.get(), nullptr,
        [](GObject* source, GAsyncResult* result, gpointer) {
            g_subprocess_communicate_finish(G_SUBPROCESS(source), result, nullptr, nullptr, nullptr);
        },
        nullptr);
    g_subprocess_wait_async(process_.get(), nullptr, on_done, new std::shared_ptr<Hook*>(self_));
    timeout_ = glib::Source::after(settings_.timeout, [this] {
        log_.warning("{} did not end within {} s; killed", running_, settings_.timeout.count());
        kill_group();
    });
}

void Hook::kill_group() {
    const char* id = process_ ? g_subprocess_get_identifier(process_.get()) : nullptr;
    if (id != nullptr) ::kill(-static_cast<pid_t>(std::strtol(id, nullptr, 10)), SIGKILL);
}

void Hook::on_done(GObject* source, GAsyncResult* result, gpointer data) noexcept {
    const std::unique_ptr<std::shared_ptr<Hook*>> self(static_cast<std::shared_ptr<Hook*>*>(data));
    auto* process = G_SUBPROCESS(source);
    glib::ErrorSlot error;
    g_subprocess_wait_finish(process, result, error.out());
    if (**self != nullptr) (**self)->finished(process);
}

void Hook::finished(GSubprocess* process) {
    timeout_.cancel();
    if (!g_subprocess_get_if_exited(process)) {
        ++counters_.failures;
        log_.error("{} was ended by signal {}", running_, g_subprocess_get_term_sig(process));
    } else if (const int status = g_subprocess_get_exit_status(process); status != 0) {
        ++counters_.failures;
        log_.error("{} ended with status {}", running_, status);
    }
    process_.reset();
    if (std::exchange(again_, false)) changed();
}

}  // namespace matriz::hooks

// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/hooks/hook.hpp"

#include <json/json.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/glib/error.hpp"
#include "common/protocol/json.hpp"

namespace matriz::hooks {
namespace {

/// In which nodes are back after a restart.
constexpr std::chrono::milliseconds time_to_return{5'000};

/// A file on its way to the disk.
struct Writing {
    std::string path;
    std::string text;
    std::string error;  ///< what went wrong
    std::shared_ptr<Hook*> hook;

    void run() noexcept {
        glib::ErrorSlot failed;
        // Written beside it and renamed: a reader sees the old file or the new one, never half of one.
        if (g_file_set_contents_full(path.c_str(), text.data(), static_cast<gssize>(text.size()),
                                     G_FILE_SET_CONTENTS_CONSISTENT, 0644, failed.out()) == FALSE)
            error = failed.message();
    }
};

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
    const bool at_start = !std::exchange(configured_, true);
    if (settings_.template_path.empty()) return;
    // After a restart all come back within seconds. What was rendered before is nearer to the truth than a list that
    // is empty still, for whoever reads it would start anew twice.
    if (at_start && g_file_test(settings_.output_path.c_str(), G_FILE_TEST_EXISTS))
        delay_ = glib::Source::after(std::max(settings_.delay, time_to_return), [this] { act(); });
    else
        changed();
}

void Hook::changed() {
    if (!settings_.active()) return;
    if (process_ || writing_) {
        again_ = true;
    } else if (!delay_.active()) {
        // From the first change on, not the last: a busy server must not put it off for ever.
        delay_ = glib::Source::after(settings_.delay, [this] { act(); });
    }
}

void Hook::act() {
    rooms_ = snapshot_();
    if (settings_.template_path.empty() || !render_output()) run_command();
}

void Hook::go_on() {
    if (std::exchange(again_, false)) changed();
}

bool Hook::render_output() {
    try {
        std::ifstream stream(settings_.template_path, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(stream), {}};
        if (!stream.is_open() || stream.bad()) throw Error("it cannot be read");
        if (text.size() > max_template) throw Error("it is larger than 1 MiB");
        auto* writing = new Writing{settings_.output_path, render(text, rooms_), "", self_};
        const auto task = glib::Ref<GTask>::adopt(g_task_new(
            nullptr, nullptr,
            [](GObject*, GAsyncResult* result, gpointer) noexcept {
                const auto* done = static_cast<const Writing*>(g_task_get_task_data(G_TASK(result)));
                if (*done->hook != nullptr) (*done->hook)->written(done->error);
            },
            nullptr));
        g_task_set_task_data(task.get(), writing, [](gpointer data) { delete static_cast<Writing*>(data); });
        writing_ = true;
        g_task_run_in_thread(task.get(), [](GTask* running, gpointer, gpointer data, GCancellable*) noexcept {
            static_cast<Writing*>(data)->run();
            g_task_return_boolean(running, TRUE);
        });
        return true;
    } catch (const std::exception& error) {
        ++counters_.failures;
        log_.error("template {}: {}", settings_.template_path, error.what());
        return false;
    }
}

void Hook::written(const std::string& error) {
    writing_ = false;
    if (!error.empty()) {
        ++counters_.failures;
        log_.error("template {}: {}", settings_.template_path, error);
    }
    run_command();
}

void Hook::run_command() {
    if (settings_.command.empty()) return go_on();
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
        launcher.get(),
        [](gpointer) {
            setpgid(0, 0);
            // What this program ignores is no affair of others.
            std::signal(SIGPIPE, SIG_DFL);
            std::signal(SIGXFSZ, SIG_DFL);
        },
        nullptr, nullptr);
    process_ = glib::Ref<GSubprocess>::adopt(g_subprocess_launcher_spawnv(launcher.get(), argv.data(), error.out()));
    if (!process_) {
        ++counters_.failures;
        log_.error("cannot run {}: {}", running_, error.message());
        return go_on();
    }
    const std::string json = as_json(rooms_);
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
    go_on();
}

}  // namespace matriz::hooks

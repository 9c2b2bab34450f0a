// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <utility>

namespace matriz::probe {

/// Stops one thread of this process where it is, as libjack's fault does with the one that waits for its turn. One at a
/// time.
class FrozenThread {
  public:
    explicit FrozenThread(pid_t thread) {
        frozen_ = true;
        struct sigaction action {};
        action.sa_handler = [](int) {
            while (frozen_) std::this_thread::sleep_for(std::chrono::milliseconds{5});
        };
        sigaction(SIGUSR1, &action, nullptr);
        syscall(SYS_tgkill, getpid(), thread, SIGUSR1);
    }
    FrozenThread(const FrozenThread&) = delete;
    FrozenThread& operator=(const FrozenThread&) = delete;
    ~FrozenThread() { frozen_ = false; }

    /// How often each thread has waited so far: all, or those named `name`.
    static std::map<pid_t, long> waits(const std::string& name = {}) {
        std::map<pid_t, long> found;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
            std::string its_name;
            std::getline(std::ifstream(entry.path() / "comm"), its_name);
            if (!name.empty() && its_name != name) continue;
            std::ifstream status(entry.path() / "status");
            for (std::string word; status >> word;)
                if (word == "voluntary_ctxt_switches:") status >> found[std::stoi(entry.path().filename())];
        }
        return found;
    }

    /// Which thread of both waited most often in between, and how often.
    static std::pair<pid_t, long> most(const std::map<pid_t, long>& before, const std::map<pid_t, long>& after) {
        std::pair<pid_t, long> most{0, 0};
        for (const auto& [thread, count] : after)
            if (const auto known = before.find(thread); known != before.end() && count - known->second > most.second)
                most = {thread, count - known->second};
        return most;
    }

  private:
    static inline std::atomic<bool> frozen_{false};
};

}  // namespace matriz::probe

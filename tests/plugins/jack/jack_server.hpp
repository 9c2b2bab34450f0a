// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

extern char** environ;

namespace matriz::jack::test {

/// A jackd of the test's own, with the dummy driver.
class JackServer {
  public:
    /// Whether there is a jackd to run.
    static bool available() {
        for (const char* place : {"/usr/bin/jackd", "/usr/local/bin/jackd"})
            if (std::filesystem::exists(place)) return true;
        return false;
    }

    explicit JackServer(std::string name) : name_(std::move(name)) {}
    JackServer(const JackServer&) = delete;
    JackServer& operator=(const JackServer&) = delete;
    ~JackServer() { stop(SIGTERM); }

    /// Returns when clients can come, or when it is clear that none can: the test finds that out by itself.
    void start(int rate, int period) {
        const StartLock alone;
        std::error_code none_there;
        std::filesystem::remove(socket(), none_there);  // of a server of this name that was killed
        spawn(rate, period);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (pid_ != 0 && !std::filesystem::exists(socket()) && std::chrono::steady_clock::now() < end) {
            if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
    void stop(int signum) {
        if (pid_ == 0) return;
        kill(pid_, signum);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    const std::string& name() const { return name_; }

  private:
    /// JACK's registry of servers takes it badly when several start at once; all tests that start one hold this lock
    /// meanwhile (tests/harness/jack.py). Without it, as where there is no /dev/shm, the server starts all the same.
    class StartLock {
      public:
        StartLock() : folder_(open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
            if (folder_ >= 0) flock(folder_, LOCK_EX);
        }
        StartLock(const StartLock&) = delete;
        StartLock& operator=(const StartLock&) = delete;
        ~StartLock() {
            if (folder_ >= 0) close(folder_);
        }

      private:
        int folder_;
    };

    /// The server makes it after it has its place in the registry.
    std::string socket() const { return "/dev/shm/jack_" + name_ + "_" + std::to_string(getuid()) + "_0"; }

    void spawn(int rate, int period) {
        // A test that crashes must not leave its server behind, which would hold a place in the registry and all locks
        // of whoever started the test.
        const std::vector<std::string> words{"setpriv", "--pdeathsig",
                                             "KILL",    "jackd",
                                             "-n",      name_,
                                             "-r",      "-m",
                                             "-d",      "dummy",
                                             "-r",      std::to_string(rate),
                                             "-p",      std::to_string(period)};
        std::vector<char*> argv;
        for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", 1, 0);
        if (posix_spawnp(&pid_, "setpriv", &files, nullptr, argv.data(), environ) != 0) pid_ = 0;
        posix_spawn_file_actions_destroy(&files);
    }

    std::string name_;
    pid_t pid_ = 0;
};

}  // namespace matriz::jack::test

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
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

    void start(int rate, int period) {
        const std::vector<std::string> words{
            "jackd", "-n", name_, "-r", "-m", "-d", "dummy", "-r", std::to_string(rate), "-p", std::to_string(period)};
        std::vector<char*> argv;
        for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", 1, 0);
        if (posix_spawnp(&pid_, "jackd", &files, nullptr, argv.data(), environ) != 0) pid_ = 0;
        posix_spawn_file_actions_destroy(&files);
    }
    void stop(int signum) {
        if (pid_ == 0) return;
        kill(pid_, signum);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    const std::string& name() const { return name_; }

  private:
    std::string name_;
    pid_t pid_ = 0;
};

}  // namespace matriz::jack::test

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "configserver/auth/keyring.hpp"

namespace matriz::auth {

/// Finds out whom a key proves. Hashes are computed on a thread of its own, one at a time, because each takes as long
/// as thousands of messages. Main thread.
class Authenticator {
  public:
    enum class Outcome { known, unknown, busy };
    using Done = std::function<void(Outcome, std::vector<Identity>)>;

    Authenticator();
    Authenticator(const Authenticator&) = delete;
    Authenticator& operator=(const Authenticator&) = delete;
    ~Authenticator();

    Keyring& keyring() noexcept { return keyring_; }
    const Keyring& keyring() const noexcept { return keyring_; }

    /// Calls `done` before returning when no hash is needed, else later from the main loop; never once this is
    /// destroyed.
    void identify(const std::string& key, const std::string& name, const std::string& room, Done done);

  private:
    struct Job {
        std::string key;
        std::vector<Keyring::Candidate> candidates;
        Done done;
    };
    void work();
    void finish(Job& job, const std::vector<Keyring::Candidate>& matches);

    Keyring keyring_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< main thread
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;  ///< under mutex_
    bool stop_ = false;     ///< under mutex_
    std::thread worker_;
};

}  // namespace matriz::auth

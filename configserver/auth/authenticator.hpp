// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "configserver/auth/keyring.hpp"
#include "configserver/net/address.hpp"

namespace matriz::auth {

/// Finds out whom a key proves. Hashes are computed on a thread of its own, one at a time, because each takes as long
/// as many messages; addresses take turns, so that a guesser delays the others by one hash each. Main thread.
class Authenticator {
  public:
    enum class Outcome { known, unknown, busy };
    using Done = std::function<void(Outcome, std::vector<Identity>)>;

    struct Question {
        std::string key;
        std::string name;  ///< for which it is asked; empty: any
        std::string room;
        net::IpAddress from;
        std::weak_ptr<const void> asker;  ///< once it is gone, nobody waits for the answer
    };

    Authenticator();
    Authenticator(const Authenticator&) = delete;
    Authenticator& operator=(const Authenticator&) = delete;
    ~Authenticator();

    Keyring& keyring() noexcept { return keyring_; }
    const Keyring& keyring() const noexcept { return keyring_; }
    /// How many may wait for their hash.
    void set_limit(std::size_t most) noexcept { most_ = most; }

    /// Calls `done` before returning when no hash is needed, else later from the main loop; never once this is
    /// destroyed or the asker is gone.
    void identify(Question question, Done done);

  private:
    struct Job {
        Question question;
        std::vector<Keyring::Candidate> candidates;
        Done done;
    };
    /// Jobs of each address, and the addresses in the order of their turns. Under the lock.
    class Jobs {
      public:
        void push(Job job);
        std::shared_ptr<Job> pop();
        bool empty() const noexcept { return size_ == 0; }
        std::size_t size() const noexcept { return size_; }

      private:
        std::map<net::IpAddress, std::deque<Job>> of_;
        std::deque<net::IpAddress> turns_;
        std::size_t size_ = 0;
    };
    void work();
    void finish(Job& job, const std::vector<Keyring::Candidate>& matches) noexcept;

    Keyring keyring_;
    log::Logger log_{"keys"};
    std::size_t most_ = 1000;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< main thread
    std::mutex mutex_;
    std::condition_variable wake_;
    Jobs jobs_;          ///< under mutex_
    bool stop_ = false;  ///< under mutex_
    std::thread worker_;
};

}  // namespace matriz::auth

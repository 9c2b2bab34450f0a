// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "configserver/store/store.hpp"

namespace matriz::store {

/// Changes the store on a thread of its own, because a disk may take seconds and nobody else is to wait for it: one
/// change after the other, in the order in which they were asked for. Main thread.
class Writer {
  public:
    struct Change {
        std::string subject;                      ///< what it replaces as a whole; empty: nothing
        std::function<void(Store& store)> write;  ///< on the writer's thread; what it throws is what went wrong
        std::function<void()> written;            ///< from the main loop, once it is on the disk
    };
    /// From the main loop, after `written`, in the order of the changes; or with what went wrong.
    using Done = std::function<void(const std::optional<std::string>& trouble)>;

    /// From now on `store` is the writer's alone.
    explicit Writer(Store& store);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    /// Writes what waits first; nobody is told any more.
    ~Writer();

    /// How many may wait to be told.
    void set_limit(std::size_t most) noexcept { most_ = most; }
    /// False when too many wait. A change of the same subject that still waits is left out, and who asked for it is
    /// told what comes of this one: had both been written, nothing would be left of the first.
    [[nodiscard]] bool push(Change change, Done done);
    /// How many wait to be told.
    std::size_t waiting() const noexcept { return waiting_; }

  private:
    struct Job {
        Change change;
        std::vector<Done> done;
    };
    void work();
    void finish(const Job& job, const std::optional<std::string>& trouble) noexcept;

    Store& store_;
    log::Logger log_{"store"};
    std::size_t most_ = 256;
    std::size_t waiting_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< main thread
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Job>> jobs_;  ///< under mutex_, without the one that is being written
    bool stop_ = false;                      ///< under mutex_
    std::thread worker_;
};

}  // namespace matriz::store

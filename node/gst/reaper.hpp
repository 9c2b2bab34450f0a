// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace matriz::gst {

/// Ends what takes a while to end (a pipeline that waits for the network) on a thread of its own, so that its owner
/// need not wait. Destroying the reaper waits for all that was given to it.
class Reaper {
  public:
    Reaper();
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;
    ~Reaper();

    /// Lets `object` go on the reaper's thread. Any thread.
    void take(std::shared_ptr<void> object);
    /// How many have not ended yet. Any thread.
    std::size_t pending() const;

  private:
    void run();

    mutable std::mutex mutex_;  ///< guards the rest
    std::condition_variable wake_;
    std::deque<std::shared_ptr<void>> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace matriz::gst

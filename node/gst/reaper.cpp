// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/reaper.hpp"

#include <pthread.h>

#include <utility>

namespace matriz::gst {

Reaper::Reaper() : thread_([this] { run(); }) { pthread_setname_np(thread_.native_handle(), "matriz-reaper"); }

Reaper::~Reaper() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Reaper::take(std::shared_ptr<void> object) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(object));
    }
    wake_.notify_one();
}

std::size_t Reaper::pending() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void Reaper::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        // Counted as pending until it has ended, so it stays in the queue meanwhile.
        std::shared_ptr<void> object = std::move(queue_.front());
        lock.unlock();
        object.reset();
        lock.lock();
        queue_.pop_front();
    }
}

}  // namespace matriz::gst

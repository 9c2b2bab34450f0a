// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/store/writer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "common/glib/source.hpp"

namespace matriz::store {

Writer::Writer(Store& store) : store_(store), worker_([this] { work(); }) {}

Writer::~Writer() {
    *alive_ = false;
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    worker_.join();
}

bool Writer::push(Change change, Done done) {
    if (waiting_ >= most_) return false;
    {
        const std::lock_guard lock(mutex_);
        const auto older = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) {
            return !change.subject.empty() && job->change.subject == change.subject;
        });
        const auto job = older != jobs_.end() ? *older : jobs_.emplace_back(std::make_shared<Job>());
        std::swap(job->change, change);  // what is left out is destroyed after the lock
        job->done.push_back(std::move(done));
        ++waiting_;
    }
    wake_.notify_one();
    return true;
}

void Writer::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        std::optional<std::string> trouble;
        try {
            job->change.write(store_);
        } catch (const std::exception& error) {
            trouble = describe(error);
        }
        // What the job holds belongs to the main thread, to destroy as well.
        glib::post([this, job = std::move(job), trouble = std::move(trouble), alive = alive_] {
            if (*alive) finish(*job, trouble);
        });
        lock.lock();
    }
}

void Writer::finish(const Job& job, const std::optional<std::string>& trouble) noexcept {
    waiting_ -= job.done.size();
    const auto call = [this](const auto& what, const auto&... about) {
        try {
            what(about...);
        } catch (const std::exception& error) {  // this comes from the main loop, through which nothing may be thrown
            log_.error("after a change: {}", error.what());
        }
    };
    if (!trouble) call(job.change.written);
    for (const Done& done : job.done) call(done, trouble);
}

}  // namespace matriz::store

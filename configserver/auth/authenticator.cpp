// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/authenticator.hpp"

#include <exception>
#include <utility>

#include "common/glib/source.hpp"

namespace matriz::auth {
namespace {

void tell(const Authenticator::Done& done, std::vector<Identity> known) {
    const auto outcome = known.empty() ? Authenticator::Outcome::unknown : Authenticator::Outcome::known;
    done(outcome, std::move(known));
}

}  // namespace

Authenticator::Authenticator() : worker_([this] { work(); }) {}

Authenticator::~Authenticator() {
    *alive_ = false;
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    worker_.join();
}

void Authenticator::Jobs::push(Job job) {
    const net::IpAddress group = job.question.from.limit_group();
    auto& queue = of_[group];
    if (queue.empty()) turns_.push_back(group);
    queue.push_back(std::move(job));
    ++size_;
}

std::shared_ptr<Authenticator::Job> Authenticator::Jobs::pop() {
    const net::IpAddress group = turns_.front();
    turns_.pop_front();
    const auto queue = of_.find(group);
    auto job = std::make_shared<Job>(std::move(queue->second.front()));
    queue->second.pop_front();
    if (queue->second.empty())
        of_.erase(queue);
    else
        turns_.push_back(group);
    --size_;
    return job;
}

void Authenticator::identify(Question question, Done done) {
    auto known = keyring_.find(question.key);
    auto candidates = known.empty() ? keyring_.candidates(question.key, question.name, question.room)
                                    : keyring_.further_candidates(question.key, question.name);
    if (candidates.empty()) return tell(done, std::move(known));
    {
        const std::lock_guard lock(mutex_);
        if (jobs_.size() < most_) {
            jobs_.push({std::move(question), std::move(candidates), std::move(done)});
            wake_.notify_one();
            return;
        }
    }
    done(Outcome::busy, {});
}

void Authenticator::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (stop_) return;
        auto job = jobs_.pop();
        lock.unlock();
        std::vector<Keyring::Candidate> matches;
        if (!job->question.asker.expired())
            for (const auto& candidate : job->candidates)
                if (candidate.hash.matches(job->question.key)) matches.push_back(candidate);
        // What `done` holds belongs to the main thread, to destroy as well.
        glib::post([this, job = std::move(job), matches = std::move(matches), alive = alive_] {
            if (*alive && !job->question.asker.expired()) finish(*job, matches);
        });
        lock.lock();
    }
}

void Authenticator::finish(Job& job, const std::vector<Keyring::Candidate>& matches) noexcept {
    try {
        for (const auto& candidate : matches) keyring_.remember(candidate, job.question.key);
        // Asked again rather than taken from the matches: keys may have been reloaded meanwhile.
        tell(job.done, keyring_.find(job.question.key));
    } catch (const std::exception& error) {  // this comes from the main loop, through which nothing may be thrown
        log_.error("the key of {} was checked, but then: {}", job.question.from.to_string(), error.what());
    }
}

}  // namespace matriz::auth

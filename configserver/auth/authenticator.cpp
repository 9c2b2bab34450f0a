// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/auth/authenticator.hpp"

#include <utility>

#include "common/glib/source.hpp"

namespace matriz::auth {
namespace {

/// A guesser must not make everyone else wait for longer than this many hashes take (about 2 s).
constexpr std::size_t max_jobs = 64;

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

void Authenticator::identify(const std::string& key, const std::string& name, const std::string& room, Done done) {
    if (auto known = keyring_.find(key); !known.empty()) return done(Outcome::known, std::move(known));
    auto candidates = keyring_.candidates(key, name, room);
    if (candidates.empty()) return done(Outcome::unknown, {});
    {
        const std::lock_guard lock(mutex_);
        if (jobs_.size() < max_jobs) {
            jobs_.push_back({key, std::move(candidates), std::move(done)});
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
        auto job = std::make_shared<Job>(std::move(jobs_.front()));
        jobs_.pop_front();
        lock.unlock();
        std::vector<Keyring::Candidate> matches;
        for (const auto& candidate : job->candidates)
            if (candidate.hash.matches(job->key)) matches.push_back(candidate);
        glib::post([this, job, matches = std::move(matches), alive = alive_] {
            if (*alive) finish(*job, matches);
        });
        lock.lock();
    }
}

void Authenticator::finish(Job& job, const std::vector<Keyring::Candidate>& matches) {
    for (const auto& candidate : matches) keyring_.remember(candidate, job.key);
    // Asked again rather than taken from the matches: keys may have been reloaded meanwhile.
    auto known = keyring_.find(job.key);
    job.done(known.empty() ? Outcome::unknown : Outcome::known, std::move(known));
}

}  // namespace matriz::auth

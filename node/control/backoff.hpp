// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace matriz::control {

/// How long to wait before the next attempt: uniformly random between nothing and a ceiling that doubles with each
/// attempt ("full jitter"), so that nodes that lost their server together do not come back together. Pure.
class Backoff {
  public:
    using Milliseconds = std::chrono::milliseconds;

    /// The first ceiling, the highest, and the seed of the jitter. `floor` is the least wait.
    Backoff(Milliseconds first, Milliseconds cap, std::uint64_t seed, Milliseconds floor = Milliseconds{0})
        : first_(first), cap_(cap), floor_(floor), random_(seed) {}

    Milliseconds next();
    /// After a success.
    void reset() noexcept { attempt_ = 0; }
    /// Attempts since the last success.
    int attempts() const noexcept { return attempt_; }

  private:
    Milliseconds first_;
    Milliseconds cap_;
    Milliseconds floor_;
    int attempt_ = 0;
    std::mt19937_64 random_;
};

}  // namespace matriz::control

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace matriz::http {

/// So much a second, and some saved up. One act may cost more than there is: it is done, and earned back before the
/// next. Full at first. Pure; one thread.
class TokenBucket {
  public:
    /// Whether anything is left at `now`, earning `rate` a second and saving no more than `burst`.
    bool open(double rate, double burst, std::chrono::steady_clock::time_point now) noexcept {
        const std::chrono::duration<double> passed = now - at_;
        at_ = now;
        tokens_ = std::min(burst, tokens_ + std::max(0.0, passed.count()) * rate);
        return tokens_ > 0;
    }
    void spend(double amount) noexcept { tokens_ -= amount; }

  private:
    std::chrono::steady_clock::time_point at_{};
    double tokens_ = std::numeric_limits<double>::infinity();
};

}  // namespace matriz::http

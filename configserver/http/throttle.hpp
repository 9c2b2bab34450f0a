// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace matriz::http {

/// Keeps what a stranger can cause again and again from filling the log: a few lines a second, then silence. Pure.
class Throttle {
  public:
    /// How many lines were left out since the last one that was let through, or nothing: stay silent.
    struct Verdict {
        bool speak = false;
        std::uint64_t left_out = 0;
    };
    Verdict ask(std::chrono::steady_clock::time_point now) noexcept {
        if (now - since_ >= std::chrono::seconds(1)) {
            since_ = now;
            spoken_ = 0;
        }
        if (spoken_ >= lines_a_second) {
            ++left_out_;
            return {};
        }
        ++spoken_;
        const Verdict verdict{true, left_out_};
        left_out_ = 0;
        return verdict;
    }

  private:
    static constexpr int lines_a_second = 5;
    std::chrono::steady_clock::time_point since_{};
    int spoken_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace matriz::http

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <span>
#include <vector>

namespace matriz::probe {

/// A queue of plain values between one writing and one reading thread, without locks. RT-safe but for the constructor.
template <class T>
class Ring {
  public:
    explicit Ring(std::size_t at_least) : values_(std::bit_ceil(at_least)) {}

    std::size_t readable() const noexcept {
        return written_.load(std::memory_order_acquire) - read_.load(std::memory_order_relaxed);
    }
    std::size_t writable() const noexcept {
        return values_.size() - (written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire));
    }
    /// All of `values` or, when there is no room, nothing: false. The writing thread.
    bool write(std::span<const T> values) noexcept {
        if (writable() < values.size()) return false;
        const std::size_t at = written_.load(std::memory_order_relaxed);
        copy(values.size(), at, [&](std::size_t from, std::size_t to, std::size_t n) {
            std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(from), n,
                        values_.begin() + static_cast<std::ptrdiff_t>(to));
        });
        written_.store(at + values.size(), std::memory_order_release);
        return true;
    }
    /// Fills `values`, which must not ask for more than readable(). The reading thread.
    void read(std::span<T> values) noexcept {
        const std::size_t at = read_.load(std::memory_order_relaxed);
        copy(values.size(), at, [&](std::size_t to, std::size_t from, std::size_t n) {
            std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(from), n,
                        values.begin() + static_cast<std::ptrdiff_t>(to));
        });
        read_.store(at + values.size(), std::memory_order_release);
    }

  private:
    /// Calls `move(offset in the caller's span, offset in values_, count)` for the stretch before the wrap and that
    /// after.
    template <class Move>
    void copy(std::size_t count, std::size_t position, Move move) const noexcept {
        const std::size_t start = position & (values_.size() - 1);
        const std::size_t first = std::min(count, values_.size() - start);
        move(0, start, first);
        move(first, 0, count - first);
    }

    std::vector<T> values_;
    std::atomic<std::size_t> written_{0};
    std::atomic<std::size_t> read_{0};
};

}  // namespace matriz::probe

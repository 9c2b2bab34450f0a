// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// A packet on its way from the network thread to the audio thread.
struct PacketCell {
    static constexpr std::size_t max_payload = 1280;  ///< a datagram of ours has at most 1200 bytes, an Opus frame 1275

    SeqNo seq{};  ///< of the packet that carried it: for a redundant copy not its own
    RtpTime time{};
    std::uint32_t ssrc = 0;
    std::chrono::nanoseconds arrival{0};
    bool redundant = false;  ///< from an older block of a RED packet
    std::uint16_t size = 0;
    std::array<std::uint8_t, max_payload> payload;

    std::span<const std::uint8_t> bytes() const noexcept { return {payload.data(), size}; }
};

/// Cells made once, passed round between one producer (network) and one consumer (audio) through two rings: the filled
/// ones forth, the free ones back. Both sides are wait-free; who holds a cell's index owns the cell.
class PacketPool {
  public:
    using Index = std::uint16_t;
    static constexpr Index none = 0xffff;

    /// `capacity`: 1–65534 cells.
    explicit PacketPool(int capacity);

    int capacity() const noexcept { return static_cast<int>(cells_.size()); }
    PacketCell& operator[](Index index) noexcept { return cells_[index]; }

    /// Producer: a free cell, or `none`.
    Index acquire() noexcept { return free_.pop(); }
    /// Producer: hands a filled cell over.
    void submit(Index index) noexcept { filled_.push(index); }
    /// Consumer: the oldest filled cell, or `none`.
    Index take() noexcept { return filled_.pop(); }
    /// Consumer: gives a cell back.
    void release(Index index) noexcept { free_.push(index); }

  private:
    /// Holds every index there is, so it is never full.
    class Ring {
      public:
        explicit Ring(std::size_t capacity) : slots_(capacity + 1) {}
        void push(Index index) noexcept {
            const std::size_t at = head_.load(std::memory_order_relaxed);
            slots_[at] = index;
            head_.store(after(at), std::memory_order_release);
        }
        Index pop() noexcept {
            const std::size_t at = tail_.load(std::memory_order_relaxed);
            if (at == head_.load(std::memory_order_acquire)) return none;
            const Index index = slots_[at];
            tail_.store(after(at), std::memory_order_release);
            return index;
        }

      private:
        std::size_t after(std::size_t at) const noexcept { return at + 1 == slots_.size() ? 0 : at + 1; }
        std::vector<Index> slots_;
        alignas(64) std::atomic<std::size_t> head_{0};
        alignas(64) std::atomic<std::size_t> tail_{0};
    };

    std::vector<PacketCell> cells_;
    Ring free_;
    Ring filled_;
};

}  // namespace matriz::dsp

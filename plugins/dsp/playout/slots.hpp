// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plugins/dsp/playout/packet_pool.hpp"

namespace matriz::dsp {

/// The packets that wait to be played, by extended sequence number, and what became of those before them. Positions are
/// RTP times, extended to 64 bits. Owned by the audio thread; RT-safe.
class Slots {
  public:
    enum class State : std::uint8_t {
        unknown,    ///< has not come (yet)
        held,       ///< waits
        held_copy,  ///< a redundant copy of it waits
        played,
        restored,  ///< its copy was played
        late,      ///< came after its time
        lost,      ///< passed over
    };
    enum class Outcome {
        stored,
        upgraded,   ///< stored in place of its copy
        late,       ///< its time is over; said once a packet, whether its copy or itself comes first
        duplicate,  ///< it (or as good a copy) is there, or was played
        useless,    ///< too old to know, or its copy has been played
    };
    struct Insertion {
        Outcome outcome;
        State before;  ///< what was known of it
    };

    struct Slot {
        std::int64_t seq = -1;
        std::int64_t time = 0;
        int frames = 0;
        State state = State::unknown;
        PacketPool::Index cell = PacketPool::none;
    };

    /// `least`: packets that there must be room for.
    explicit Slots(PacketPool& pool, int least = 0);

    /// How many sequence numbers are told apart: a power of two, 1024 at the least.
    int size() const noexcept { return static_cast<int>(slots_.size()); }

    /// Empties everything; the stream starts at `seq`.
    void restart(std::int64_t seq) noexcept;

    /// Takes the cell over when it says `stored` or `upgraded`, leaves it to the caller when it says `late`; otherwise
    /// the cell has gone back to the pool.
    /// `played_to`: frames before that position have been played.
    Insertion insert(const Slot& packet, bool copy, std::int64_t played_to) noexcept;

    /// The first waiting packet with frames at or after `position`, or null. It stays where it is.
    const Slot* next(std::int64_t position) noexcept;

    /// The packet from next() is being played: its cell is the caller's now (to be released), and what was missing
    /// before it is lost. Returns how many were.
    int play(const Slot& slot) noexcept;

    /// A packet that came after its time is handed to the decoder all the same. Nothing when it is no longer of use
    /// there, since later ones have been played; otherwise how many are missing before it.
    std::optional<int> pass(std::int64_t seq) noexcept;

    /// Sequence number of the first packet that was not passed yet.
    std::int64_t cursor() const noexcept { return cursor_; }
    std::int64_t highest() const noexcept { return highest_; }
    /// What is known of `seq`: for packets in the table only, otherwise null.
    const Slot* find(std::int64_t seq) const noexcept;

  private:
    Slot& at(std::int64_t seq) noexcept { return slots_[static_cast<std::size_t>(seq & (size() - 1))]; }
    void open(std::int64_t seq) noexcept;
    void discard(Slot& slot) noexcept;
    int lose_until(std::int64_t seq) noexcept;

    PacketPool& pool_;
    std::vector<Slot> slots_;
    std::int64_t cursor_ = 0;
    std::int64_t highest_ = -1;
    int passed_lost_ = 0;  ///< lost, and not yet told by play()
};

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/slots.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace matriz::dsp {

namespace {
constexpr bool waits(Slots::State state) noexcept {
    return state == Slots::State::held || state == Slots::State::held_copy;
}
}  // namespace

Slots::Slots(PacketPool& pool, int least)
    : pool_(pool), slots_(std::bit_ceil(static_cast<std::size_t>(std::max(least, 1024)))) {}

void Slots::discard(Slot& slot) noexcept {
    if (slot.cell != PacketPool::none) pool_.release(slot.cell);
    slot.cell = PacketPool::none;
}

void Slots::restart(std::int64_t seq) noexcept {
    for (auto& slot : slots_) {
        discard(slot);
        slot = Slot{};
    }
    cursor_ = seq;
    highest_ = seq - 1;
    passed_lost_ = 0;
}

/// Makes room up to `seq`: older packets of the same places are forgotten.
void Slots::open(std::int64_t seq) noexcept {
    for (std::int64_t s = highest_ + 1; s <= seq; ++s) {
        Slot& slot = at(s);
        discard(slot);
        slot = Slot{};
        slot.seq = s;
    }
    highest_ = seq;
    if (cursor_ <= highest_ - size()) cursor_ = highest_ - size() + 1;
}

const Slots::Slot* Slots::find(std::int64_t seq) const noexcept {
    const Slot& slot = slots_[static_cast<std::size_t>(seq & (size() - 1))];
    return slot.seq == seq ? &slot : nullptr;
}

Slots::Insertion Slots::insert(const Slot& packet, bool copy, std::int64_t played_to) noexcept {
    State before = State::unknown;
    const auto refuse = [&](Outcome outcome) {
        pool_.release(packet.cell);
        return Insertion{outcome, before};
    };
    if (packet.seq <= highest_ - size() || packet.seq >= highest_ + size()) return refuse(Outcome::useless);
    if (packet.seq > highest_) open(packet.seq);
    Slot& slot = at(packet.seq);
    if (slot.seq != packet.seq) return refuse(Outcome::useless);  // before the stream's start
    before = slot.state;
    switch (before) {
        case State::held:
        case State::played:
            return refuse(Outcome::duplicate);
        case State::restored:
        case State::late:
            return refuse(Outcome::useless);
        case State::held_copy:
            if (copy) return refuse(Outcome::duplicate);
            break;
        case State::unknown:
        case State::lost:
            break;
    }
    if (packet.time + packet.frames <= played_to || packet.seq < cursor_) {
        if (before == State::held_copy) return refuse(Outcome::useless);
        slot.time = packet.time;
        slot.frames = packet.frames;
        slot.state = State::late;
        return {Outcome::late, before};
    }
    discard(slot);
    slot.time = packet.time;
    slot.frames = packet.frames;
    slot.cell = packet.cell;
    slot.state = copy ? State::held_copy : State::held;
    return {before == State::held_copy ? Outcome::upgraded : Outcome::stored, before};
}

const Slots::Slot* Slots::next(std::int64_t position) noexcept {
    for (std::int64_t seq = cursor_; seq <= highest_; ++seq) {
        Slot& slot = at(seq);
        if (!waits(slot.state)) continue;
        if (slot.time + slot.frames > position) return &slot;
        discard(slot);  // a jump of the delay left it behind
        slot.state = State::lost;
    }
    return nullptr;
}

std::optional<int> Slots::pass(std::int64_t seq) noexcept {
    if (seq < cursor_) return std::nullopt;
    for (std::int64_t earlier = cursor_; earlier < seq; ++earlier)
        if (waits(at(earlier).state)) return std::nullopt;  // left behind by a jump
    const auto missing = static_cast<int>(seq - cursor_);
    passed_lost_ += lose_until(seq);
    cursor_ = seq + 1;
    return missing;
}

int Slots::lose_until(std::int64_t seq) noexcept {
    int lost = 0;
    for (; cursor_ < seq; ++cursor_) {
        Slot& slot = at(cursor_);
        if (slot.state != State::unknown) continue;
        slot.state = State::lost;
        ++lost;
    }
    return lost;
}

int Slots::play(const Slot& taken) noexcept {
    const int lost = std::exchange(passed_lost_, 0) + lose_until(taken.seq);
    Slot& slot = at(taken.seq);
    slot.state = slot.state == State::held_copy ? State::restored : State::played;
    slot.cell = PacketPool::none;
    cursor_ = taken.seq + 1;
    return lost;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/reception.hpp"

#include <cmath>

namespace matriz::dsp {

namespace {
constexpr int most_packets_a_period = 128;          // bounds the work of one callback; a backlog takes a few of them
constexpr double worth_catching_up = 0.020;         // seconds: after longer gaps a decoder begins anew anyway
constexpr double most_catching_up = 0.040;          // seconds of sound decoded in vain in one callback
constexpr double implausible_transit = 2.0;         // seconds off the expected: another time line
constexpr std::int64_t first_position = 1LL << 33;  // far from 0: positions before the start stay positive
constexpr std::int64_t first_sequence = 1LL << 17;
constexpr double settling = 2.0;  // seconds in which a sender may still work off what it piled up before it started
constexpr int copies_reach = 16;  // packets: depth times distance
}  // namespace

Reception::Drained Reception::drain(const LocalClock& clock, std::int64_t played_to, std::int64_t even_from) noexcept {
    bool restarted = false;
    played_to_ = played_to;
    even_from_ = even_from;
    catching_up_ = static_cast<int>(most_catching_up * rate_);
    for (int n = 0; n < most_packets_a_period; ++n) {
        const auto index = pool_.take();
        if (index == PacketPool::none) break;
        if (take_in(index, clock)) restarted = true;
    }
    if (started_) {
        const auto step = drift_.advance(clock.now());
        if (step.by < 0 && clock.now() - started_at_ < settling)
            target_.forget(clock.now());
        else if (step.by > 0)
            target_.ease(step.since, step.by);
    }
    return {restarted, played_to_};
}

void Reception::begin(const PacketCell& cell, double now) noexcept {
    if (started_) metrics_.add(MetricsBoard::restarts);
    started_ = true;
    started_at_ = now;
    ssrc_ = cell.ssrc;
    last_time_ = cell.time;
    last_position_ = first_position;
    slots_.restart(first_sequence + cell.seq.value);
    drift_.restart(now, now - static_cast<double>(first_position) / rate_);
    target_.restart(now);
}

bool Reception::take_in(PacketPool::Index index, const LocalClock& clock) noexcept {
    const PacketCell& cell = pool_[index];
    const auto frames = decoder_.frames_in(cell.bytes());
    if (!frames || *frames > max_frames_) {
        if (!cell.redundant) metrics_.add(MetricsBoard::malformed);
        pool_.release(index);
        return false;
    }
    const double now = clock.at(cell.arrival);
    std::int64_t position = last_position_ + distance(cell.time, last_time_);
    double transit = now - static_cast<double>(position) / rate_;
    const bool plausible = std::abs(transit - drift_.transit(now)) < implausible_transit;
    const auto arrival = [&] {
        return DelayTarget::Arrival{now, transit - drift_.transit(now), now - clock.last_period()};
    };
    if (cell.redundant) {
        if (!started_ || cell.ssrc != ssrc_ || !plausible || slots_.highest() < 0) {
            pool_.release(index);
            return false;
        }
        const std::int64_t carrier =
            slots_.highest() + distance(cell.seq, SeqNo{static_cast<std::uint16_t>(slots_.highest())});
        take_copy({-1, position, *frames, Slots::State::unknown, index}, carrier, arrival());
        return false;
    }
    const auto verdict = filter_.judge(cell.ssrc, cell.seq, plausible, now);
    if (verdict == SourceFilter::Verdict::reject) {
        metrics_.add(MetricsBoard::stray);
        pool_.release(index);
        return false;
    }
    const bool restart = verdict == SourceFilter::Verdict::restart;
    if (restart) {
        begin(cell, now);
        position = last_position_;
        transit = drift_.transit(now);
        played_to_ = INT64_MIN;
    }
    const std::int64_t highest = slots_.highest();
    const std::int64_t seq = highest + distance(cell.seq, SeqNo{static_cast<std::uint16_t>(highest)});
    if (seq > highest) {
        last_time_ = cell.time;
        last_position_ = position;
    }
    drift_.add(now, transit);
    take_primary({seq, position, *frames, Slots::State::unknown, index}, arrival());
    return restart;
}

/// A packet that is next in line for the decoder is of use to it even when its time is over, but not long over: of all
/// that comes at once when a path was blocked for a while, only the last is, and a callback has no time for the rest.
Slots::Insertion Reception::insert(const Slots::Slot& packet, bool copy) noexcept {
    const auto insertion = slots_.insert(packet, copy, played_to_);
    if (insertion.outcome != Slots::Outcome::late) return insertion;
    if (packet.time + static_cast<std::int64_t>(worth_catching_up * rate_) >= played_to_ &&
        catching_up_ >= packet.frames) {
        if (const auto missing = slots_.pass(packet.seq)) {
            const bool even = packet.time >= even_from_;
            decoder_.catch_up(pool_[packet.cell].bytes(), *missing,
                              even ? static_cast<int>(played_to_ - packet.time) : 0);
            catching_up_ -= packet.frames;
        }
    }
    pool_.release(packet.cell);
    return insertion;
}

/// When the path begins to hold packets up, what was held up is heard all the same: since nothing that comes after it
/// was heard yet, the sound stood still for as long as the delay has to grow anyway.
void Reception::take_primary(const Slots::Slot& packet, const DelayTarget::Arrival& arrival) noexcept {
    metrics_.add(MetricsBoard::received);
    const std::int64_t highest = slots_.highest();
    const bool missed = packet.seq > highest && packet.time + packet.frames <= played_to_;
    if (missed) {
        target_.add(arrival, true);
        if (packet.seq >= slots_.cursor() && target_.would_wait_for(arrival)) played_to_ = packet.time;
    }
    const auto [outcome, before] = insert(packet, false);
    switch (outcome) {
        case Slots::Outcome::stored:
            if (packet.seq < highest) metrics_.add(MetricsBoard::reordered);
            if (missed)
                metrics_.add(MetricsBoard::late);
            else
                target_.add(arrival, false);
            break;
        case Slots::Outcome::late:
            if (before == Slots::State::lost) metrics_.add(MetricsBoard::lost, -1);
            metrics_.add(MetricsBoard::late);
            if (!missed) target_.add(arrival, true);
            break;
        case Slots::Outcome::duplicate:
            metrics_.add(MetricsBoard::duplicates);
            break;
        case Slots::Outcome::upgraded:
        case Slots::Outcome::useless:
            break;
    }
}

/// Which packet the copy is of: RED says only how much older than its carrier it is (RFC 2198, section 3).
std::optional<std::int64_t> Reception::sequence_of_copy(std::int64_t carrier, const Slots::Slot& copy) const noexcept {
    const auto* carried_by = slots_.find(carrier);
    if (!carried_by || carried_by->frames == 0) return std::nullopt;
    for (int back = 1; back <= copies_reach; ++back) {
        const auto* slot = slots_.find(carrier - back);
        if (!slot) break;
        if (slot->frames == 0) continue;  // nothing known of it yet
        if (slot->time == copy.time) return slot->seq;
        if (slot->time + slot->frames == copy.time) return slot->seq + 1;
        if (slot->time < copy.time) break;
    }
    const std::int64_t older = carried_by->time - copy.time;
    if (older <= 0 || older % copy.frames != 0 || older / copy.frames > copies_reach) return std::nullopt;
    return carrier - older / copy.frames;
}

void Reception::take_copy(Slots::Slot packet, std::int64_t carrier, const DelayTarget::Arrival& arrival) noexcept {
    const auto seq = sequence_of_copy(carrier, packet);
    if (!seq) {
        pool_.release(packet.cell);
        return;
    }
    packet.seq = *seq;
    const auto [outcome, before] = insert(packet, true);
    if (outcome == Slots::Outcome::stored) target_.add(arrival, false);
    if (outcome != Slots::Outcome::late) return;
    if (before == Slots::State::unknown) metrics_.add(MetricsBoard::lost);
    // Losses are weighed in the long view; they are no sign that the path holds packets up, and no reason for an
    // attack.
    target_.add(arrival, false);
}

}  // namespace matriz::dsp

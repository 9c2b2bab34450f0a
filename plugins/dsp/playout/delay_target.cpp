// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/delay_target.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

namespace {
constexpr double guard = 0.0001;        // the clock filters' own error
constexpr double start_margin = 0.002;  // on top, while next to nothing is known of the path
constexpr double start_period = 1.0;
constexpr double look_interval = 0.02;  // how often the percentile is taken
constexpr double dear_from = 0.006;     // seconds: where PlayoutConfig::gap_price is what it says
constexpr double share_at_risk = 0.1;   // of the packets, should the callbacks come to lie at the worst
constexpr double miss_memory = 0.15;    // seconds in which several incidents are no accident
constexpr double together = 0.5;        // packets that come within so many packet lengths were held up together
constexpr double hold = 4.0;            // how long an attack stands before the long view decides alone
constexpr double onset = 1.0;           // seconds in which an attack that proves too weak is made stronger at once
constexpr double unheard_of = 1.25;     // times the greatest lateness of the long view…
constexpr double unheard_more = 0.004;  // …and seconds more: such an incident may be the first of many…
constexpr double outage = 0.06;         // …or, from here on, the end of an outage, which nobody can wait for
constexpr double brief_hold = 1.0;      // how long an attack stands that rests on one incident
constexpr double excuse_length = 0.05;  // seconds around a loss of the device's own
constexpr int incidents_to_act = 2;
constexpr double overshoot = 1.25;
}  // namespace

void DelayTarget::restart(double now) noexcept {
    started_ = now;
    stand_down();
    for (auto& incident : recent_) incident = Incident{};
    last_miss_ = -1e9;
    excused_until_ = -1e9;
}

void DelayTarget::forget(double now) noexcept {
    restart(now);
    found_.clear();
    lateness_.clear();
    next_look_ = 0;
}

void DelayTarget::add(const Arrival& arrival, bool missed) noexcept {
    lateness_.add(arrival.at, arrival.lateness);
    found_.add(arrival.at, arrival.lateness + period_ - std::clamp(arrival.since_callback, 0.0, period_));
    if (missed && arrival.at > excused_until_) miss(arrival);
}

void DelayTarget::miss(const Arrival& arrival) noexcept {
    if (arrival.at - last_miss_ > together * packet_length_) {
        last_incident_ = (last_incident_ + 1) % incidents;
        recent_[last_incident_] = {arrival.at, arrival.lateness, 0, false};
    }
    auto& incident = recent_[last_incident_];
    incident.lateness = std::max(incident.lateness, arrival.lateness);
    incident.unheard_of |= arrival.lateness > unheard_of * known_ + unheard_more && arrival.lateness < outage;
    ++incident.packets;
    last_miss_ = arrival.at;
}

void DelayTarget::excuse(double now) noexcept {
    for (auto& incident : recent_) incident = Incident{};
    if (now - held_since_ < excuse_length) stand_down();
    excused_until_ = now + excuse_length;
}

/// What was attacked was none.
void DelayTarget::stand_down() noexcept {
    held_ = 0;
    held_until_ = -1e9;
    onset_until_ = -1e9;
}

void DelayTarget::ease(double since, double by) noexcept {
    found_.ease(since, by);
    lateness_.ease(since, by);
    for (auto& incident : recent_)
        if (incident.at >= since) incident = Incident{};
    if (held_since_ >= since)
        stand_down();
    else if (held_at_ >= since)
        held_ = std::max(0.0, held_ - overshoot * by);
    next_look_ = 0;
}

double DelayTarget::attack(double now) noexcept {
    double worst = 0;
    int count = 0;
    int packets = 0;
    bool surprise = false;
    for (const auto& incident : recent_) {
        if (now - incident.at > miss_memory) continue;
        worst = std::max(worst, incident.lateness);
        packets += incident.packets;
        surprise |= incident.unheard_of;
        ++count;
    }
    // Some incidents were to be expected; so many more are next to never an accident (Poisson).
    const double expected = std::max(0.0, accepted_ - packets) / seen_ * miss_memory;
    const double surprising = incidents_to_act + std::ceil(2 * expected + 3 * std::sqrt(expected));
    const bool too_weak = now < onset_until_ && worst > std::max(held_, need_);
    const bool certain =
        count >= std::min<double>(surprising, incidents) || (surprise && count >= incidents_to_act) || too_weak;
    const double asked = worst * (certain ? overshoot : 1);
    if ((certain || surprise) && asked >= held_) {
        if (held_ == 0) held_since_ = now;
        if (held_ == 0 || surprise) onset_until_ = now + onset;
        held_ = asked;
        held_at_ = now;
        held_until_ = std::max(held_until_, now + (certain ? hold : brief_hold));
    }
    if (now > held_until_) held_ = 0;
    return held_;
}

void DelayTarget::look(double now, double gap_price) noexcept {
    // A second of delay, in packets concealed in the window: gap_price is in delay for concealment a second, both in
    // ms.
    const auto costs = [&](const JitterWindow& window) {
        return JitterWindow::Costs{
            .wait = std::max(window.span(now), 1.0) / (std::max(gap_price, 0.01) * packet_length_),
            .dear_from = dear_from,
            .packet_length = packet_length_};
    };
    jitter_ = lateness_.worth_waiting_for(costs(lateness_), period_);
    const double worth = found_.worth_waiting_for(costs(found_), 0);
    seen_ = std::max(found_.span(now), 1.0);
    known_ = lateness_.exceeded_by(0);
    need_ = std::max(worth - period_, lateness_.exceeded_by(share_at_risk));
    accepted_ = found_.above(std::max(need_, held_) + period_);
}

double DelayTarget::update(double now, double period, double lookahead, const Bounds& bounds) noexcept {
    if (period != period_) {
        period_ = period;
        found_.clear();
    }
    found_.advance(now);
    lateness_.advance(now);
    if (now >= next_look_) {
        look(now, bounds.gap_price);
        next_look_ = now + look_interval;
    }
    least_ = period + lookahead + guard;
    longest_ = bounds.max;
    double wanted = least_ + std::max(need_, attack(now));
    if (now - started_ < start_period) wanted = std::max(wanted, least_ + start_margin);
    return std::max(least_, std::clamp(wanted, bounds.min, std::max(bounds.min, bounds.max)));
}

bool DelayTarget::would_wait_for(const Arrival& arrival) noexcept {
    return attack(arrival.at) >= arrival.lateness && least_ + arrival.lateness <= longest_;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/drift_loop.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace matriz::dsp {

namespace {
constexpr double drift_wander = 4e-13;   // (s/s)² a second: a crystal warms up, a virtual machine's clock limps
constexpr double offset_wander = 1e-11;  // s² a second
constexpr double least_noise = 4e-10;    // (20 µs)²
constexpr double first_offset_variance = 4e-6;
constexpr double greatest_drift = 0.02;
constexpr double route_gate = 0.001;  // a move of the envelope by more than this is a route change, not drift
constexpr int blocks_to_believe = 4;

// A sender that lost sound, or a longer route, makes all packets later by the same. That shows in the packets of a
// tenth of a second; waiting for blocks would leave them late for a whole one.
constexpr double slice_length = 0.0125;   // seconds
constexpr int enough_packets = 40;        // in all slices
constexpr double lift_memory = 0.9995;    // a slice
constexpr double spread_gain = 0.01;      // a slice
constexpr double spread_slack = 0.0003;   // seconds
constexpr double expect_for = 0.15;       // seconds after a loss of the device's own: a packet's way, and a little
constexpr double expect_least = 0.0005;   // seconds: less is not worth it
constexpr double expect_slack = 0.0003;   // seconds that packets may be nearer than expected…
constexpr double expect_excess = 0.0015;  // …and that the nearest of them may be farther
constexpr int expect_packets = 12;
constexpr double expect_length = 0.03;  // seconds
constexpr double hasty = 2.0;           // seconds within which a step back means that the step up was none
}  // namespace

void DriftLoop::restart(double now, double transit) noexcept {
    reference_ = now;
    offset_ = transit;
    p_oo_ = first_offset_variance;
    p_od_ = 0;
    started_ = now;
    block_start_ = now;
    block_count_ = 0;
    strange_blocks_ = 0;
    for (Slice& slice : slices_) slice.count = 0;
    spread_ = -1;
    lift_ = 0;
    expected_ = 0;
}

void DriftLoop::add(double now, double transit) noexcept {
    const double above = transit - this->transit(now);
    if (block_count_ == 0 || above < block_min_) {
        block_min_ = above;
        block_at_ = now;
    }
    ++block_count_;
    slices_[slice_].add(now, above);
    if (expected_ == 0) return;
    if (above < expected_ - expect_slack)
        as_expected_.count = 0;
    else
        as_expected_.add(now, above);
}

void DriftLoop::Slice::add(double now, double above) noexcept {
    if (count == 0) *this = {now, above, 0, 0};
    least = std::min(least, above);
    sum += above;
    ++count;
}

void DriftLoop::expect(double now, double lost) noexcept {
    if (lost < expect_least) return;
    expected_ = lost;
    expected_until_ = now + expect_for;
    as_expected_.count = 0;
}

/// A step up by what the device lost.
DriftLoop::Step DriftLoop::follow_device(double now) noexcept {
    if (expected_ == 0) return {};
    if (now > expected_until_) {
        expected_ = 0;
        return {};
    }
    if (as_expected_.count < expect_packets || now - as_expected_.since < expect_length) return {};
    const double by = std::exchange(expected_, 0);
    if (as_expected_.least > by + expect_excess) return {};
    block_start_ = now;
    block_count_ = 0;
    return move(by, as_expected_.since);
}

DriftLoop::Slice DriftLoop::last_slices() const noexcept {
    Slice all = slices_[(slice_ + 1) % slices];
    for (const Slice& slice : slices_) {
        if (slice.count == 0) return {};
        all.since = std::min(all.since, slice.since);
        all.least = std::min(all.least, slice.least);
    }
    all.sum = 0;
    all.count = 0;
    for (const Slice& slice : slices_) {
        all.sum += slice.sum;
        all.count += slice.count;
    }
    return all;
}

/// A step up when all packets were later for a tenth of a second, and by the same. Where jitter grows, or is so great
/// that it keeps packets away from the envelope for as long, they are spread wider than before, or have been as late.
DriftLoop::Step DriftLoop::climb(double now) noexcept {
    if (slices_[slice_].count == 0 || now - slices_[slice_].since < slice_length) return {};
    const Slice all = last_slices();
    slice_ = (slice_ + 1) % slices;
    slices_[slice_].count = 0;
    if (all.count < enough_packets || now - all.since > 1.5 * slices * slice_length) return {};
    const double spread = all.sum / all.count - all.least;
    if (spread_ >= 0 && all.least > std::max({route_gate, 5 * deviation(), 2 * lift_}) &&
        spread < 1.5 * spread_ + spread_slack) {
        climb_ = all.least;
        climbed_at_ = now;
        block_start_ = now;
        block_count_ = 0;
        return move(all.least, all.since - slice_length);
    }
    spread_ = spread_ < 0 ? spread : spread_ + spread_gain * (spread - spread_);
    lift_ = std::max(lift_ * lift_memory, all.least);
    return {};
}

double DriftLoop::block_length() const noexcept {
    const double age = block_start_ - started_;
    return age < 1 ? 0.1 : 0.25;
}

void DriftLoop::predict(double now) noexcept {
    const double dt = now - reference_;
    if (dt <= 0) return;
    offset_ += drift_ * dt;
    reference_ = now;
    p_oo_ += dt * (2 * p_od_ + dt * p_dd_) + offset_wander * dt;
    p_od_ += dt * p_dd_;
    p_dd_ = std::min(p_dd_ + drift_wander * dt, 9e-8);
}

void DriftLoop::correct(double innovation, double noise) noexcept {
    const double s = p_oo_ + noise;
    const double k_o = p_oo_ / s;
    const double k_d = p_od_ / s;
    offset_ += k_o * innovation;
    drift_ = std::clamp(drift_ + k_d * innovation, -greatest_drift, greatest_drift);
    p_dd_ -= k_d * p_od_;
    p_od_ -= k_o * p_od_;
    p_oo_ -= k_o * p_oo_;
}

double DriftLoop::deviation() const noexcept { return std::sqrt(p_oo_ + noise_); }

DriftLoop::Step DriftLoop::move(double by, double since) noexcept {
    offset_ += by;
    p_oo_ = std::max(p_oo_, noise_);
    p_od_ = 0;
    strange_blocks_ = 0;
    for (Slice& slice : slices_) slice.count = 0;
    return {by, since};
}

DriftLoop::Step DriftLoop::advance(double now) noexcept {
    if (const Step step = follow_device(now); step.by > 0) return step;
    if (const Step step = climb(now); step.by > 0) return step;
    if (now - block_start_ < block_length()) return {};
    const double began = std::exchange(block_start_, now);
    if (block_count_ == 0) return {};
    block_count_ = 0;

    predict(std::max(block_at_, reference_));
    const double innovation = block_min_;
    const bool strange = std::abs(innovation) > std::max(route_gate, 5 * deviation());
    if (strange) {
        // Faster than ever is proof enough; slower may be congestion that passes.
        if (strange_blocks_ == 0) strange_since_ = began;
        if (innovation > 0 && ++strange_blocks_ < blocks_to_believe) return {};
        if (innovation < 0 && now - climbed_at_ < hasty) lift_ = std::max(lift_, climb_);
        return move(innovation, strange_since_);
    }
    strange_blocks_ = 0;
    correct(innovation, noise_);
    const double excess = innovation * innovation - p_oo_;
    noise_ = std::clamp(noise_ + 0.02 * (excess - noise_), least_noise, 1e-6);
    return {};
}

}  // namespace matriz::dsp

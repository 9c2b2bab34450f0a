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
}

void DriftLoop::add(double now, double transit) noexcept {
    const double above = transit - this->transit(now);
    if (block_count_ == 0 || above < block_min_) {
        block_min_ = above;
        block_at_ = now;
    }
    ++block_count_;
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

DriftLoop::Step DriftLoop::advance(double now) noexcept {
    if (now - block_start_ < block_length()) return {};
    const double began = std::exchange(block_start_, now);
    if (block_count_ == 0) return {};
    block_count_ = 0;

    predict(std::max(block_at_, reference_));
    const double innovation = block_min_;
    const double deviation = std::sqrt(p_oo_ + noise_);
    const bool strange = std::abs(innovation) > std::max(route_gate, 5 * deviation);
    if (strange) {
        // Faster than ever is proof enough; slower may be congestion that passes.
        if (strange_blocks_ == 0) strange_since_ = began;
        if (innovation > 0 && ++strange_blocks_ < blocks_to_believe) return {};
        strange_blocks_ = 0;
        offset_ += innovation;
        p_oo_ = std::max(p_oo_, noise_);
        p_od_ = 0;
        return {innovation, strange_since_};
    }
    strange_blocks_ = 0;
    correct(innovation, noise_);
    const double excess = innovation * innovation - p_oo_;
    noise_ = std::clamp(noise_ + 0.02 * (excess - noise_), least_noise, 1e-6);
    return {};
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/probes/glitch.hpp"

namespace matriz::probe {
namespace {

constexpr double smooth_hz = 3000;  // judged below this: a codec's noise and a sub-sample's misalignment are above
constexpr double bad_error = 0.3;   // squared error of 2 ms against the signal of 60 ms around: -5 dB
constexpr double error_factor = 8;  // …or this much above what the codec always leaves
constexpr double silence = 0.02;    // of the energy that should be there
constexpr double faint = 4e-3;      // of the usual power: -24 dB, what is below is not listened to closely
constexpr double well_aligned = 0.8;
constexpr double click_factor = 12;  // treble energy of a cell against the loudest sent nearby
constexpr double search_seconds = 0.02;

}  // namespace

AlignedGlitchDetector::AlignedGlitchDetector(const Loop& loop)
    : GlitchDetector(loop.rate),
      loop_(loop),
      smooth_(loop.samples.size()),
      coefficient_(static_cast<float>(1 - std::exp(-2 * std::numbers::pi * smooth_hz / loop.rate.hz))),
      block_(cell_frames() * 20) {
    float a = 0;
    float b = 0;
    for (int round = 0; round < 2; ++round) {  // twice around: the filter's state closes the loop
        for (std::size_t n = 0; n < smooth_.size(); ++n) {
            a += coefficient_ * (loop.samples[n] - a);
            b += coefficient_ * (a - b);
            smooth_[n] = b;
        }
    }
    for (const float s : smooth_) loop_power_ += static_cast<double>(s) * s;
    loop_power_ /= static_cast<double>(smooth_.size());
}

float AlignedGlitchDetector::sent(std::int64_t frame) const noexcept {
    const auto length = static_cast<std::int64_t>(smooth_.size());
    const std::int64_t place = frame % length;
    return smooth_[static_cast<std::size_t>(place < 0 ? place + length : place)];
}

float AlignedGlitchDetector::sent(double frame) const noexcept {
    const double whole = std::floor(frame);
    const auto fraction = static_cast<float>(frame - whole);
    const auto index = static_cast<std::int64_t>(whole);
    return sent(index) * (1 - fraction) + sent(index + 1) * fraction;
}

AlignedGlitchDetector::Alignment AlignedGlitchDetector::align(std::int64_t first, std::span<const float> block,
                                                              double around, std::int64_t reach) const {
    const std::int64_t centre = std::llround(around);
    std::vector<double> scores(static_cast<std::size_t>(2 * reach + 1));
    std::vector<float> around_here(block.size() + scores.size() - 1);  // from the greatest lag on
    for (std::size_t n = 0; n < around_here.size(); ++n)
        around_here[n] = sent(first + static_cast<std::int64_t>(n) - centre - reach);
    double best_gain = 0;
    std::size_t best = 0;
    double received = 1e-12;
    for (const float x : block) received += static_cast<double>(x) * x;
    for (std::int64_t lag = -reach; lag <= reach; ++lag) {
        const float* const lagged = &around_here[static_cast<std::size_t>(reach - lag)];
        double product = 0;
        double energy = 1e-12;
        for (std::size_t n = 0; n < block.size(); ++n) {
            const double s = lagged[n];
            product += s * block[n];
            energy += s * s;
        }
        const auto i = static_cast<std::size_t>(lag + reach);
        scores[i] = product / std::sqrt(energy * received);
        if (i == 0 || scores[i] > scores[best]) {
            best = i;
            best_gain = product / energy;
        }
    }
    double fraction = 0;
    if (best > 0 && best + 1 < scores.size()) {
        const double curvature = scores[best - 1] - 2 * scores[best] + scores[best + 1];
        if (curvature < 0) fraction = std::clamp(0.5 * (scores[best - 1] - scores[best + 1]) / curvature, -0.5, 0.5);
    }
    const double delay = static_cast<double>(centre - reach + static_cast<std::int64_t>(best)) + fraction;
    return {delay, scores[best], best_gain};
}

/// Keeps delay_ and gain_ on what is heard: a slide is followed, a jump is found again by a wide search (and has by
/// then been counted as an event, being one).
void AlignedGlitchDetector::follow(std::int64_t first, std::span<const float> block, double announced) {
    if (delay_ < 0) delay_ = announced;
    Alignment found = align(first, block, delay_, cell_frames() / 6);
    if (found.correlation < well_aligned && first >= lost_until_) {
        const Alignment as_announced = align(first, block, announced, cell_frames() / 6);
        if (as_announced.correlation >= well_aligned) {
            found = as_announced;
        } else {
            lost_until_ = first + 5 * block_;
            const auto reach = static_cast<std::int64_t>(search_seconds * loop_.rate.hz);
            const Alignment wide = align(first, block, announced, reach);
            if (wide.correlation > 0.9) found = wide;
        }
    }
    if (found.correlation < well_aligned) return;
    delay_ = found.delay;
    if (gain_ == 0) gain_ = found.gain;
    if (found.gain > 0.5 * gain_ && found.gain < 2 * gain_) gain_ += 0.05 * (found.gain - gain_);
}

void AlignedGlitchDetector::judge_block(std::int64_t first, std::span<const float> raw, std::span<const float> smooth,
                                        std::span<Cell> cells) {
    const std::int64_t width = cell_frames();
    const double per_cell = static_cast<double>(width);
    const std::int64_t whole_delay = std::llround(delay_);
    double around = 0;  // energy that should be heard in this block and one block's length on either side
    for (std::int64_t n = -block_; n < 2 * block_; ++n) {
        const double s = gain_ * sent(first + n - whole_delay);
        around += s * s;
    }
    const double usual_power = gain_ * gain_ * loop_power_;
    const double level = std::max(around / static_cast<double>(3 * block_), faint * usual_power);
    constexpr std::int64_t before = 3;  // cells, and as many after
    std::vector<double> sent_treble(raw.size() + static_cast<std::size_t>(2 * before * width));
    for (std::size_t n = 0; n < sent_treble.size(); ++n) {
        const std::int64_t frame = first + static_cast<std::int64_t>(n) - before * width - whole_delay;
        const double high = gain_ * (loop_.at(frame) - sent(frame));
        sent_treble[n] = high * high;
    }
    double previous_error = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        double error = 0;
        double heard = 0;
        double due = 0;
        double treble = 0;
        for (std::int64_t n = 0; n < width; ++n) {
            const auto at = i * static_cast<std::size_t>(width) + static_cast<std::size_t>(n);
            const std::int64_t frame = first + static_cast<std::int64_t>(at);
            const double s = gain_ * sent(static_cast<double>(frame) - delay_);
            error += (smooth[at] - s) * (smooth[at] - s);
            heard += static_cast<double>(smooth[at]) * smooth[at];
            due += s * s;
            const double high = raw[at] - smooth[at];
            treble += high * high;
        }
        const auto nearby = sent_treble.begin() + static_cast<std::int64_t>(i) * width;
        const double loudest = *std::max_element(nearby, nearby + (2 * before + 1) * width);
        const double relative = (error + previous_error) / (2 * per_cell * level);
        previous_error = error;
        const bool click = treble / per_cell > click_factor * (loudest + faint * usual_power);
        if (relative > std::max(bad_error, error_factor * usual_error_) || click)
            cells[i].bad = true;
        else
            usual_error_ += 0.002 * (relative - usual_error_);
        cells[i].silent = due / per_cell > 0.1 * usual_power && heard < silence * due;
    }
}

void AlignedGlitchDetector::judge(std::int64_t first, std::span<const float> received, double delay) {
    const auto width = static_cast<std::size_t>(cell_frames());
    const auto block = static_cast<std::size_t>(block_);
    // The low-pass needs a moment to settle after the stretch that is not judged: the first two cells only feed it.
    const std::size_t settle = 2 * width;
    if (received.size() < settle + block) return;
    std::vector<float> smooth(received.size());
    float a = received[0];
    float b = received[0];
    for (std::size_t n = 0; n < received.size(); ++n) {
        a += coefficient_ * (received[n] - a);
        b += coefficient_ * (a - b);
        smooth[n] = b;
    }
    const std::size_t blocks = (received.size() - settle) / block;
    std::vector<Cell> cells(blocks * (block / width));
    for (std::size_t i = 0; i < blocks; ++i) {
        const std::size_t start = settle + i * block;
        const auto frame = first + static_cast<std::int64_t>(start);
        follow(frame, std::span(smooth).subspan(start, block), delay);
        if (gain_ == 0) continue;
        judge_block(frame, received.subspan(start, block), std::span(smooth).subspan(start, block),
                    std::span(cells).subspan(i * (block / width), block / width));
    }
    count(first + static_cast<std::int64_t>(settle), cells);
}

}  // namespace matriz::probe

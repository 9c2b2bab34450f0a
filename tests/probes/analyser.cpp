// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/analyser.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::probe {
namespace {

constexpr std::size_t recent_chirps = 5;
constexpr int missed_is_gone = 2;
constexpr double disturbed_before = 0.1;  // seconds around an xrun that are not judged: it is known only afterwards
constexpr double disturbed_after = 0.25;

}  // namespace

Analyser::Analyser(const Loop& loop, Correlator& correlator)
    : loop_(loop), correlator_(correlator), detector_(make_glitch_detector(loop)) {}

void Analyser::push(std::int64_t frame, std::span<const float> samples) {
    const std::int64_t expected = history_start_ + static_cast<std::int64_t>(history_.size());
    const std::int64_t jump = frame - expected;
    if (history_start_ < 0 || std::abs(jump) > 2 * loop_.chirp_period) {
        // The first samples ever, or JACK was restarted: begin anew at the next chirp.
        history_.clear();
        history_start_ = frame;
        disturbed_.clear();
        next_chirp_ = (frame / loop_.chirp_period + 1) * loop_.chirp_period;
        judged_until_ = next_chirp_;
    } else if (jump > 0) {
        history_.insert(history_.end(), static_cast<std::size_t>(jump), 0.0F);
    } else if (jump < 0) {  // JACK sets its clock back a little after an xrun
        samples = samples.subspan(std::min(samples.size(), static_cast<std::size_t>(-jump)));
    }
    append(samples);
    const auto segment = static_cast<std::int64_t>(correlator_.segment_frames());
    while (history_start_ + static_cast<std::int64_t>(history_.size()) >=
           next_chirp_ + std::max(segment, loop_.chirp_period))
        analyse_period();
}

void Analyser::append(std::span<const float> samples) {
    history_.insert(history_.end(), samples.begin(), samples.end());
    for (const float s : samples) {
        peak_ = std::max(peak_, std::abs(s));
        energy_ += static_cast<double>(s) * s;
    }
    frames_ += static_cast<std::int64_t>(samples.size());
}

std::span<const float> Analyser::history(std::int64_t first, std::int64_t frames) const noexcept {
    return std::span(history_).subspan(static_cast<std::size_t>(first - history_start_),
                                       static_cast<std::size_t>(frames));
}

/// Latency is the time from the JACK cycle and frame in which a sample of the chirp was put into the sending port to
/// the cycle and frame in which it came out of the receiving port. So everything between the two ports counts, the
/// probe's own place in the graph does not, and a client that copies in to out within its cycle measures 0.
void Analyser::analyse_period() {
    const auto found = correlator_.find(history(next_chirp_, static_cast<std::int64_t>(correlator_.segment_frames())));
    if (found) {
        missed_ = 0;
        delay_ = found->delay;
        recent_.push_back(found->delay);
        if (recent_.size() > recent_chirps) recent_.pop_front();
        interval_.push_back(found->delay);
    } else if (++missed_ >= missed_is_gone) {
        recent_.clear();
    }
    if (delay_ >= 0) {
        const auto guard = static_cast<std::int64_t>(loop_.rate.hz) / 250;
        const std::int64_t arrived = next_chirp_ + std::llround(delay_);
        judge_until(arrived - guard);
        judged_until_ = std::max(judged_until_, arrived + static_cast<std::int64_t>(loop_.chirp.size()) + 2 * guard);
    } else {
        judged_until_ = next_chirp_ + loop_.chirp_period;
    }
    next_chirp_ += loop_.chirp_period;
    const std::int64_t keep_from = std::min(next_chirp_, judged_until_);  // the rest is judged up to the next chirp
    history_.erase(history_.begin(), history_.begin() + static_cast<std::ptrdiff_t>(keep_from - history_start_));
    history_start_ = keep_from;
}

void Analyser::judge(std::int64_t first, std::int64_t end) {
    if (detector_ && end > first) detector_->judge(first, history(first, end - first), delay_);
}

void Analyser::judge_until(std::int64_t end) {
    const auto frames = [this](double seconds) { return static_cast<std::int64_t>(seconds * loop_.rate.hz); };
    for (const std::int64_t xrun : disturbed_) {
        if (xrun - frames(disturbed_before) >= end) break;
        judge(judged_until_, std::min(end, xrun - frames(disturbed_before)));
        judged_until_ = std::max(judged_until_, std::min(end, xrun + frames(disturbed_after)));
    }
    judge(judged_until_, end);
    judged_until_ = std::max(judged_until_, end);
    while (!disturbed_.empty() && disturbed_.front() + frames(disturbed_after) <= judged_until_) disturbed_.pop_front();
}

void Analyser::disturbed(std::int64_t frame) {
    if (disturbed_.empty() || frame > disturbed_.back()) disturbed_.push_back(frame);
}

Heard Analyser::take() {
    Heard heard;
    const double ms = 1000.0 / loop_.rate.hz;
    heard.present = !recent_.empty() && missed_ < missed_is_gone;
    if (heard.present) {
        std::vector<double> sorted(recent_.begin(), recent_.end());
        std::sort(sorted.begin(), sorted.end());
        heard.latency_ms = sorted[sorted.size() / 2] * ms;
    }
    if (!interval_.empty()) {
        const auto [least, greatest] = std::minmax_element(interval_.begin(), interval_.end());
        heard.latency_min_ms = *least * ms;
        heard.latency_max_ms = *greatest * ms;
    }
    heard.chirps = static_cast<int>(interval_.size());
    heard.peak = peak_;
    heard.rms = frames_ > 0 ? std::sqrt(energy_ / static_cast<double>(frames_)) : 0;
    if (detector_) heard.glitches = detector_->take();
    interval_.clear();
    peak_ = 0;
    energy_ = 0;
    frames_ = 0;
    return heard;
}

}  // namespace matriz::probe

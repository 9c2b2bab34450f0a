// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/jitter_window.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace matriz::dsp {

JitterWindow::JitterWindow(double longest) noexcept : bin_(std::max(finest, longest / bins)) {}

void JitterWindow::clear() noexcept {
    for (auto& histogram : histograms_) histogram.fill(0);
    sum_.fill(0);
    counts_.fill(0);
    total_ = 0;
    highest_ = 0;
    filled_blocks_ = 0;
    entries_.fill(Entry{});
}

void JitterWindow::add(double now, double lateness) noexcept {
    const int at = static_cast<int>(std::clamp(lateness / bin_, 0.0, static_cast<double>(bins - 1)));
    auto& here = histograms_[static_cast<std::size_t>(current_)][static_cast<std::size_t>(at)];
    if (here == std::numeric_limits<std::uint16_t>::max()) return;
    ++here;
    ++sum_[static_cast<std::size_t>(at)];
    ++counts_[static_cast<std::size_t>(current_)];
    ++total_;
    highest_ = std::max(highest_, at);
    entries_[next_entry_] = {now, static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(current_)};
    next_entry_ = (next_entry_ + 1) % remembered;
}

void JitterWindow::drop(int block) noexcept {
    auto& histogram = histograms_[static_cast<std::size_t>(block)];
    auto& count = counts_[static_cast<std::size_t>(block)];
    if (count == 0) return;
    for (std::size_t i = 0; i < histogram.size(); ++i) sum_[i] -= histogram[i];
    histogram.fill(0);
    total_ -= count;
    count = 0;
    lower_highest();
}

void JitterWindow::lower_highest() noexcept {
    while (highest_ > 0 && sum_[static_cast<std::size_t>(highest_)] == 0) --highest_;
}

void JitterWindow::advance(double now) noexcept {
    if (now - block_start_ < block_length && now >= block_start_) return;
    block_start_ = now;
    current_ = (current_ + 1) % blocks;
    filled_blocks_ = std::min(filled_blocks_ + 1, blocks - 1);
    drop(current_);
}

void JitterWindow::ease(double since, double by) noexcept {
    const int move = static_cast<int>(std::lround(std::clamp(by / bin_, 0.0, 1.0 * bins)));
    if (move == 0) return;
    for (std::size_t n = 1; n <= remembered; ++n) {
        Entry& entry = entries_[(next_entry_ + remembered - n) % remembered];
        if (entry.at < since) break;
        auto& histogram = histograms_[entry.block];
        if (histogram[entry.bin] == 0) continue;  // its block's time was over
        const auto to = static_cast<std::uint16_t>(std::max(0, entry.bin - move));
        if (histogram[to] == std::numeric_limits<std::uint16_t>::max()) continue;
        --histogram[entry.bin];
        --sum_[entry.bin];
        ++histogram[to];
        ++sum_[to];
        entry.bin = to;
    }
    lower_highest();
}

double JitterWindow::exceeded_by(double share) const noexcept {
    if (total_ == 0) return 0;
    const auto allowed = static_cast<std::uint32_t>(share * total_);
    std::uint32_t above = 0;
    for (int i = highest_; i > 0; --i) {
        above += sum_[static_cast<std::size_t>(i)];
        if (above > allowed) return (i + 1) * bin_;
    }
    return bin_;
}

std::uint32_t JitterWindow::above(double lateness) const noexcept {
    std::uint32_t above = 0;
    for (int i = highest_; i >= 0 && (i + 1) * bin_ > lateness + bin_ / 2; --i)
        above += sum_[static_cast<std::size_t>(i)];
    return above;
}

double JitterWindow::span(double now) const noexcept {
    return filled_blocks_ * block_length + std::clamp(now - block_start_, 0.0, block_length);
}

double JitterWindow::worth_waiting_for(const Costs& costs, double besides) const noexcept {
    const auto waiting_costs = [&](int i) {
        const double wait = (i * bin_ + besides) / costs.dear_from;
        return costs.wait * costs.dear_from * (wait < 1 ? wait * wait * wait / 3 : wait - 2.0 / 3);
    };
    const int packet = std::max(1, static_cast<int>(std::lround(costs.packet_length / bin_)));  // bins
    int best = highest_ + 1;
    double least_cost = waiting_costs(best);
    double missed = 0;          // packets, with parts of packets
    std::uint32_t in_part = 0;  // packets that miss a part: one bin more of it with each bin that is waited less
    for (int i = highest_; i > 0 && missed <= least_cost; --i) {
        in_part += sum_[static_cast<std::size_t>(i)];
        if (i + packet <= highest_) in_part -= sum_[static_cast<std::size_t>(i + packet)];
        missed += static_cast<double>(in_part) / packet;
        const double cost = waiting_costs(i) + missed;
        if (cost > least_cost) continue;
        least_cost = cost;
        best = i;
    }
    return best * bin_;
}

}  // namespace matriz::dsp

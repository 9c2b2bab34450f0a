// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/concealer.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

namespace {

constexpr std::size_t model_length = 512;
constexpr float inaudible = 1e-6F;  // -120 dB

// Analyses, a channel each. A few gaps in a row have theirs; of a stream that is gaps all over, nobody could tell.
constexpr double most_in_store = 8;
constexpr double a_second = 200;
constexpr int most_at_once = 4;

int frames_of(SampleRate rate, int milliseconds) { return static_cast<int>(rate.hz) * milliseconds / 1000; }

}  // namespace

Concealer::Concealer(int channels, SampleRate rate)
    : reprise_(rate),
      burg_(std::min(rate.hz > 60000 ? 2 * model_length : model_length, reprise_.window())),
      needed_(reprise_.history_length()),
      hold_(frames_of(rate, 20)),
      gone_(frames_of(rate, 60)),
      join_length_(frames_of(rate, 1) / 2),
      long_join_(frames_of(rate, 2)),
      channels_(static_cast<std::size_t>(channels)),
      rest_(reprise_.window()),
      history_end_(needed_),
      store_(most_in_store),
      store_a_frame_(a_second / rate.hz) {
    for (Channel& channel : channels_) {
        channel.history.resize(2 * needed_);
        channel.line.resize(needed_ + static_cast<std::size_t>(gone_));
    }
}

std::span<const float> Concealer::past(const Channel& channel, std::size_t length) const noexcept {
    return std::span(channel.history).subspan(history_end_ - length, length);
}

void Concealer::remember(const float* frames, int count) noexcept {
    store_ = std::min(most_in_store, store_ + count * store_a_frame_);
    const std::size_t step = channels_.size();
    auto left = static_cast<std::size_t>(count);
    while (left > 0) {
        if (history_end_ == 2 * needed_) {
            for (Channel& channel : channels_)
                std::copy_n(channel.history.data() + needed_, needed_, channel.history.data());
            history_end_ = needed_;
        }
        const std::size_t piece = std::min(left, 2 * needed_ - history_end_);
        for (std::size_t c = 0; c < step; ++c)
            for (std::size_t i = 0; i < piece; ++i) channels_[c].history[history_end_ + i] = frames[i * step + c];
        history_end_ += piece;
        frames += piece * step;
        left -= piece;
    }
}

double Concealer::Channel::ring() noexcept {
    double y = 0;
    for (std::size_t i = 0; i < Burg::order; ++i) y += feedback[i] * memory[oldest + i];
    memory[oldest] = memory[oldest + Burg::order] = y;
    oldest = oldest + 1 == Burg::order ? 0 : oldest + 1;
    return y;
}

/// `count` is no more than the shortest lag, so that all it looks back at is there.
void Concealer::Channel::extend(std::size_t count) noexcept {
    float* const out = line.data() + line_end;
    line_end += count;
    std::fill_n(out, count, 0.0F);
    if (silent) return;
    for (const Reprise::Term& term : terms) {
        const float* const before = out - term.lag;
        for (std::size_t i = 0; i < count; ++i) out[i] += term.weight * before[i];
    }
    // Never beyond full scale, unless the sound itself was there.
    const auto bound = static_cast<float>(std::min(1.5 * loudest, std::max(1.0, loudest)));
    for (std::size_t i = 0; i < count; ++i) out[i] = std::clamp(out[i] + static_cast<float>(ring()), -bound, bound);
}

void Concealer::extend(int count) noexcept {
    for (Channel& channel : channels_) channel.extend(static_cast<std::size_t>(count));
}

/// Whether there is sound to go on with.
bool Concealer::look_back(Channel& channel) const noexcept {
    const auto heard = past(channel, needed_);
    std::copy(heard.begin(), heard.end(), channel.line.begin());
    channel.line_end = needed_;
    const auto lately = past(channel, reprise_.window() + reprise_.min_lag());
    const auto peak =
        std::max_element(lately.begin(), lately.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    channel.loudest = static_cast<double>(std::abs(*peak));
    channel.silent = !(std::abs(*peak) > inaudible);
    return !channel.silent;
}

void Concealer::analyse(Channel& channel) noexcept {
    const std::span<float> rest = rest_;
    channel.terms = reprise_.find(past(channel, needed_), rest);
    const Burg::Coefficients a = burg_.fit(rest.last(burg_.length()));
    for (std::size_t i = 0; i < Burg::order; ++i) {
        channel.feedback[i] = -a[Burg::order - i];
        channel.memory[i] = channel.memory[i + Burg::order] = static_cast<double>(rest[rest.size() - Burg::order + i]);
    }
    channel.oldest = 0;
}

/// Channels take turns when there are more of them than can be analysed now. The others repeat as they did in the gap
/// before.
void Concealer::begin_gap() noexcept {
    age_ = 0;
    int left = most_at_once;
    for (std::size_t n = 0; n < channels_.size(); ++n) {
        Channel& channel = channels_[turn_];
        turn_ = turn_ + 1 == channels_.size() ? 0 : turn_ + 1;
        if (!look_back(channel)) continue;
        const bool due = left > 0 && store_ >= 1;
        if (!due && channel.known) {
            channel.memory.fill(0);
            continue;
        }
        analyse(channel);
        channel.known = true;
        --left;
        store_ -= 1;
    }
    // Who came too late this time is first the next.
    turn_ = (turn_ + static_cast<std::size_t>(most_at_once)) % channels_.size();
}

float Concealer::fade() const noexcept {
    return std::clamp(static_cast<float>(gone_ - age_) / static_cast<float>(gone_ - hold_), 0.0F, 1.0F);
}

void Concealer::conceal(float* out, int count) noexcept {
    if (state_ != State::concealing) begin_gap();
    state_ = State::concealing;
    const int most = static_cast<int>(reprise_.min_lag());
    const auto channels = static_cast<int>(channels_.size());
    for (int done = 0; done < count;) {
        const int piece = std::min({count - done, most, gone_ - age_});
        float* const to = out + done * channels;
        if (piece == 0) {
            std::fill_n(to, (count - done) * channels, 0.0F);
            break;
        }
        extend(piece);
        for (int i = 0; i < piece; ++i, ++age_) {
            const float gain = fade();
            for (int c = 0; c < channels; ++c) {
                const Channel& channel = channels_[static_cast<std::size_t>(c)];
                to[i * channels + c] = gain * *(channel.line.data() + channel.line_end - piece + i);
            }
        }
        done += piece;
    }
    remember(out, count);
}

void Concealer::play(float* frames, int count, int doubtful) noexcept {
    if (state_ == State::concealing) {
        state_ = State::joining;
        stay_ = doubtful;
        join_ = age_ == 0 || age_ == gone_ || doubtful > 0 ? long_join_ : join_length_;
        joined_ = 0;
    }
    const int most = static_cast<int>(reprise_.min_lag());
    const auto channels = static_cast<int>(channels_.size());
    for (int done = 0; done < count && state_ == State::joining;) {
        const int piece = std::min({count - done, stay_ + join_ - joined_, most});
        const int there = std::min(piece, gone_ - age_);
        extend(there);
        float* const at = frames + done * channels;
        for (int i = 0; i < piece; ++i) {
            const float in = static_cast<float>(std::max(0, ++joined_ - stay_)) / static_cast<float>(join_ + 1);
            const float out = (1.0F - in) * fade();
            for (int c = 0; c < channels; ++c) {
                const Channel& channel = channels_[static_cast<std::size_t>(c)];
                const float old = i < there ? *(channel.line.data() + channel.line_end - there + i) : 0.0F;
                at[i * channels + c] = in * at[i * channels + c] + out * old;
            }
            age_ = std::min(age_ + 1, gone_);
        }
        done += piece;
        if (joined_ == stay_ + join_) state_ = State::playing;
    }
    remember(frames, count);
}

void Concealer::correct(const float* frames, int count, int ago) noexcept {
    const auto before_end = static_cast<std::size_t>(ago);
    if (count > ago || before_end > needed_) return;
    const std::size_t step = channels_.size();
    for (std::size_t c = 0; c < step; ++c) {
        float* const to = channels_[c].history.data() + history_end_ - before_end;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) to[i] = frames[i * step + c];
    }
}

void Concealer::reset() noexcept {
    for (Channel& channel : channels_) {
        std::fill(channel.history.begin(), channel.history.end(), 0.0F);
        channel.silent = true;
        channel.known = false;
    }
    state_ = State::playing;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/reprise.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::dsp {

namespace {

constexpr double window_seconds = 0.020;
constexpr double history_seconds = 0.100;
constexpr double least_lag_seconds = 0.0025;
constexpr unsigned coarse_rate = 8000;
constexpr double looseness = 1e-3;  // of the mean energy: what a weight costs, so that none grows beyond reason

/// Eight running sums, which the compiler may keep in vectors: one would have to be added in order.
float dot(const float* a, const float* b, std::size_t count) noexcept {
    constexpr std::size_t lanes = 8;
    std::array<float, lanes> sums{};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::size_t l = 0; l < lanes; ++l) sums[l] += a[i + l] * b[i + l];
    float sum = 0;
    for (; i < count; ++i) sum += a[i] * b[i];
    for (const float s : sums) sum += s;
    return sum;
}

std::size_t samples(double seconds, SampleRate rate) { return static_cast<std::size_t>(seconds * rate.hz); }

/// Symmetric equations a x = b by Cholesky's method, in place; false when they have no one solution.
template <std::size_t N>
bool solve(std::array<std::array<double, N>, N>& a, std::array<double, N>& b, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = a[i][j];
            for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
            if (i != j) {
                a[i][j] = sum / a[j][j];
                continue;
            }
            if (!(sum > 0)) return false;
            a[i][i] = std::sqrt(sum);
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

}  // namespace

Reprise::Reprise(SampleRate rate)
    : decimation_(std::max<std::size_t>(1, rate.hz / coarse_rate)),
      window_(samples(window_seconds, rate)),
      history_(samples(history_seconds, rate)),
      min_lag_(samples(least_lag_seconds, rate)),
      coarse_(history_ / decimation_),
      likeness_(coarse_.size() - window_ / decimation_) {}

/// How well each coarse lag explains the window, at a rate that is enough to tell.
void Reprise::compare_coarsely(std::span<const float> history) noexcept {
    const std::size_t skipped = history.size() - coarse_.size() * decimation_;
    for (std::size_t i = 0; i < coarse_.size(); ++i) {
        float sum = 0;
        for (std::size_t j = 0; j < decimation_; ++j) sum += history[skipped + i * decimation_ + j];
        coarse_[i] = sum;
    }
    const std::size_t window = window_ / decimation_;
    const float* const now = coarse_.data() + coarse_.size() - window;
    const float energy = dot(now, now, window);
    double energy_before = static_cast<double>(energy);  // goes down by what was added long before: wants precision
    for (std::size_t lag = 1; lag < likeness_.size(); ++lag) {
        const float* const before = now - lag;
        const auto entering = static_cast<double>(before[0]);
        const auto leaving = static_cast<double>(before[window]);
        energy_before = std::max(0.0, energy_before + entering * entering - leaving * leaving);
        const float both = energy * static_cast<float>(energy_before);
        const float product = both > 1e-20F && energy_before > 1e-4 * static_cast<double>(energy)
                                  ? std::max(0.0F, dot(now, before, window))
                                  : 0.0F;
        likeness_[lag] = product > 0 ? product * product / both : 0.0F;
    }
}

/// The best of the lags that are better than their neighbours; the best first.
std::size_t Reprise::choose_peaks() noexcept {
    std::size_t count = 0;
    const std::size_t first = std::max<std::size_t>(2, min_lag_ / decimation_ + 1);
    for (std::size_t lag = first; lag + 1 < likeness_.size(); ++lag) {
        const float here = likeness_[lag];
        if (!(here > 0) || here < likeness_[lag - 1] || here <= likeness_[lag + 1]) continue;
        if (count == most && here <= likeness_[peaks_[most - 1]]) continue;
        std::size_t at = count < most ? count++ : most - 1;
        for (; at > 0 && likeness_[peaks_[at - 1]] < here; --at) peaks_[at] = peaks_[at - 1];
        peaks_[at] = lag;
    }
    return count;
}

/// The exact lag about a coarse one, by the second half of the window.
std::size_t Reprise::refined(std::span<const float> history, std::size_t lag) const noexcept {
    const std::size_t length = window_ / 2;
    const float* const now = history.data() + history.size() - length;
    const std::size_t from = std::max(min_lag_, lag - std::min(lag, decimation_ - 1));
    const std::size_t to = std::min(history.size() - window_, lag + decimation_ - 1);
    std::size_t best = from;
    float most_alike = -1;
    for (std::size_t at = from; at <= to; ++at) {
        const float alike = dot(now, now - at, length);
        if (alike > most_alike) {
            most_alike = alike;
            best = at;
        }
    }
    return best;
}

/// Least squares over the window.
void Reprise::weigh(std::span<const float> history, Terms& terms) const noexcept {
    const float* const now = history.data() + history.size() - window_;
    std::array<std::array<double, most>, most> products{};
    std::array<double, most> weights{};
    double energy = 0;
    const std::size_t n = terms.size_;
    for (std::size_t i = 0; i < n; ++i) {
        const float* const one = now - terms.terms_[i].lag;
        weights[i] = static_cast<double>(dot(one, now, window_));
        for (std::size_t j = 0; j <= i; ++j)
            products[i][j] = static_cast<double>(dot(one, now - terms.terms_[j].lag, window_));
        energy += products[i][i];
    }
    for (std::size_t i = 0; i < n; ++i) products[i][i] += looseness * energy / static_cast<double>(n);
    if (!solve(products, weights, n)) {
        terms.size_ = 0;
        return;
    }
    for (std::size_t i = 0; i < n; ++i) terms.terms_[i].weight = static_cast<float>(weights[i]);
}

Reprise::Terms Reprise::find(std::span<const float> history, std::span<float> rest) noexcept {
    Terms terms;
    compare_coarsely(history);
    const std::size_t peaks = choose_peaks();
    for (std::size_t i = 0; i < peaks; ++i) {
        const std::size_t lag = refined(history, peaks_[i] * decimation_);
        const bool known = std::any_of(terms.begin(), terms.end(), [lag](const Term& term) { return term.lag == lag; });
        if (!known) terms.terms_[terms.size_++].lag = lag;
    }
    weigh(history, terms);
    const float* const now = history.data() + history.size() - window_;
    std::copy_n(now, window_, rest.begin());
    for (const Term& term : terms)
        for (std::size_t i = 0; i < window_; ++i) rest[i] -= term.weight * (now - term.lag)[i];
    return terms;
}

}  // namespace matriz::dsp

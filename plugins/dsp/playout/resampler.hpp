// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// Resamples at a speed that changes all the time: to each output frame's place belongs a windowed sinc, interpolated
/// between two of 120 phases, as libzita-resampler's VResampler has it, in half the time. The filter is as short
/// as the two rates allow, since its half length is pure delay. At equal rates nothing needs to be cut off: the filter
/// only shifts by a fraction of a frame, and at fraction 0 it leaves every sample as it is. Interleaved floats. One
/// thread; all but the constructor is RT-safe.
class Resampler {
  public:
    /// Throws Error when the ratio is beyond 1/16…16 or `channels` < 1.
    Resampler(SampleRate from, SampleRate to, int channels);

    /// Input frames an output frame takes up at ratio 1.
    double step() const noexcept { return step_; }
    /// Input frames needed beyond an output frame's own place.
    int lookahead() const noexcept { return half_ + 1; }

    /// Consume `factor` times as many input frames an output frame: 1.0001 plays 100 ppm faster. 0.9…1.1.
    void set_speed(double factor) noexcept;

    struct Progress {
        int consumed = 0;
        int produced = 0;
    };
    /// Turns up to `in_frames` of `in` into up to `out_frames` of `out`, until one of them is used up.
    Progress process(const float* in, int in_frames, float* out, int out_frames) noexcept;

    /// Input frames from the place of the next output frame to the next input frame: may be negative after reset().
    double ahead() const noexcept;

    void reset() noexcept;

  private:
    static constexpr int block = 64;  ///< output frames

    /// Where an output frame lies among the input frames that are held.
    struct Place {
        int at = 0;        ///< the first of the frames under the filter
        int row = 0;       ///< the phase before its own
        float beyond = 0;  ///< how far it lies to the next one, 0…1
    };
    struct Plan {
        int places = 0;
        int take = 0;  ///< input frames that they need
    };

    Plan plan(int available, int most) noexcept;
    void append(const float* in, int frames) noexcept;
    void make_room() noexcept;
    void convolve(std::span<const Place> places, float* out) const noexcept;
    template <int fixed>
    void convolve_all(std::span<const Place> places, float* out) const noexcept;

    int channels_;
    double step_;
    int half_;                  ///< frames on each side of a place; a multiple of 4
    int room_;                  ///< what a block may take, at the most
    int capacity_;              ///< frames of a line
    std::vector<float> rows_;   ///< the filter at each phase, 2 half_ each
    std::vector<float> lines_;  ///< the input, a line for each channel
    std::array<Place, block> places_{};
    std::uint64_t advance_ = 0;  ///< input frames an output frame, 40 bits of them fraction
    std::uint64_t phase_ = 0;    ///< of the next output frame, fraction alone
    int begin_ = 0;              ///< of what is under the filter then
    int end_ = 0;                ///< of what is held
    int missing_ = 0;            ///< to what is under the filter
};

}  // namespace matriz::dsp

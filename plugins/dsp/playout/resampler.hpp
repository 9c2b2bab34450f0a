// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <zita-resampler/vresampler.h>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// libzita-resampler's VResampler with a filter as short as the two rates allow, since its half length is pure delay.
/// At equal rates nothing needs to be cut off: the filter only shifts by a fraction of a frame, and at fraction 0 it
/// leaves every sample as it is. Interleaved floats. One thread; all but the constructor is RT-safe.
class Resampler {
  public:
    /// Throws Error when the ratio is beyond 1/16…16 or `channels` < 1.
    Resampler(SampleRate from, SampleRate to, int channels);

    /// Input frames an output frame takes up at ratio 1.
    double step() const noexcept { return step_; }
    /// Input frames needed beyond an output frame's own place.
    int lookahead() const noexcept { return half_; }

    /// Consume `factor` times as many input frames an output frame: 1.0001 plays 100 ppm faster. 0.9…1.1.
    void set_speed(double factor) noexcept;

    struct Progress {
        int consumed = 0;
        int produced = 0;
    };
    /// Turns up to `in_frames` of `in` into up to `out_frames` of `out`, until one of them is used up.
    Progress process(const float* in, int in_frames, float* out, int out_frames) noexcept;

    /// Input frames from the place of the next output frame to the next input frame: may be negative after reset().
    double ahead() const noexcept { return engine_.inpdist(); }

    void reset() noexcept { engine_.reset(); }

  private:
    VResampler engine_;
    double step_;
    int half_;
};

}  // namespace matriz::dsp

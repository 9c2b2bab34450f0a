// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/resampler.hpp"

#include <algorithm>
#include <cmath>

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {

struct Filter {
    unsigned half_length;
    double cutoff;  ///< of the lower rate's Nyquist frequency
};

/// 8 taps a side are the least VResampler takes: 0.17 ms at 48 kHz. Between rates that differ, images of the uppermost
/// octave's end would fold back into the audible: longer, and cut off a little earlier.
Filter filter_for(double ratio) {
    if (ratio == 1.0) return {8, 1.0};
    return {16, 0.92};
}

}  // namespace

Resampler::Resampler(SampleRate from, SampleRate to, int channels)
    : step_(static_cast<double>(from.hz) / to.hz), half_(0) {
    const double ratio = 1.0 / step_;
    const Filter filter = filter_for(ratio);
    if (channels < 1 || ratio < 1.0 / 16 || ratio > 16 ||
        engine_.setup(ratio, static_cast<unsigned>(channels), filter.half_length, filter.cutoff) != 0)
        throw Error("no resampling from {} to {} Hz with {} channels", from.hz, to.hz, channels);
    engine_.set_rrfilt(0);
    half_ = engine_.inpsize() / 2 + 1;
}

void Resampler::set_speed(double factor) noexcept { engine_.set_rratio(1.0 / std::clamp(factor, 0.9, 1.1)); }

Resampler::Progress Resampler::process(const float* in, int in_frames, float* out, int out_frames) noexcept {
    engine_.inp_count = static_cast<unsigned>(in_frames);
    engine_.inp_data = const_cast<float*>(in);  // the library only reads it
    engine_.out_count = static_cast<unsigned>(out_frames);
    engine_.out_data = out;
    engine_.process();
    return {in_frames - static_cast<int>(engine_.inp_count), out_frames - static_cast<int>(engine_.out_count)};
}

}  // namespace matriz::dsp

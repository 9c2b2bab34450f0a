// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tests/probes/signal.hpp"

namespace matriz::probe {

/// What was heard amiss since the last take().
struct GlitchCount {
    int events = 0;              ///< audible events; what is less than 10 ms apart is one event
    double longest_dropout = 0;  ///< seconds without sound where there should be some
    double seconds = 0;          ///< how much was judged
};

/// Finds audible events in what a port received, knowing what was sent. One thread at a time.
class GlitchDetector {
  public:
    virtual ~GlitchDetector() = default;
    /// Judges received frames, the first at frame time `first`, that were sent about `delay` frames earlier. Calls go
    /// forward in time; what lies between two calls (the chirps) is not judged.
    virtual void judge(std::int64_t first, std::span<const float> received, double delay) = 0;
    GlitchCount take() noexcept;

  protected:
    explicit GlitchDetector(SampleRate rate);
    /// A run of frames (one cell: 1 ms) that was found bad or silent.
    struct Cell {
        bool bad = false;
        bool silent = false;
    };
    /// Cells in order of time, the first at `first`.
    void count(std::int64_t first, std::span<const Cell> cells);
    std::int64_t cell_frames() const noexcept { return cell_; }

  private:
    std::int64_t rate_;
    std::int64_t cell_;
    std::int64_t last_bad_;  // frame where the last bad cell ended
    std::int64_t silence_start_ = -1;
    std::int64_t counted_until_ = 0;  // frame
    GlitchCount counted_;
};

/// The detector that suits the loop's background; none for Background::none, which leaves nothing to judge.
/// `loop` must outlive it.
std::unique_ptr<GlitchDetector> make_glitch_detector(const Loop& loop);

/// For a steady tone: fits the tone in short overlapping blocks; what the fit does not explain, or a level that left
/// its usual one, is a discontinuity of phase or amplitude. A slow drift of pitch or phase, as resampling makes it, is
/// none.
class ToneGlitchDetector final : public GlitchDetector {
  public:
    explicit ToneGlitchDetector(const Loop& loop);
    void judge(std::int64_t first, std::span<const float> received, double delay) override;

  private:
    struct Fit {
        double cosine = 0;
        double sine = 0;
    };
    Fit fit(std::span<const float> block, double omega) const;
    void judge_block(std::span<const float> block, std::span<Cell> cells);
    double usual_amplitude(double latest);

    double omega_;                    // radians a frame
    std::int64_t block_;              // frames, 10 ms
    std::vector<double> amplitudes_;  // of recent blocks, a ring
    std::size_t next_amplitude_ = 0;
    double usual_ = 0;
    double usual_noise_ = 0;  // residual of undisturbed cells relative to the tone
};

/// For strings and speech: compares aligned segments with what was sent, following a delay that slides.
class AlignedGlitchDetector final : public GlitchDetector {
  public:
    explicit AlignedGlitchDetector(const Loop& loop);
    void judge(std::int64_t first, std::span<const float> received, double delay) override;

  private:
    struct Alignment {
        double delay = 0;
        double correlation = 0;
        double gain = 0;
    };
    float sent(std::int64_t frame) const noexcept;
    float sent(double frame) const noexcept;
    Alignment align(std::int64_t first, std::span<const float> block, double around, std::int64_t reach) const;
    void follow(std::int64_t first, std::span<const float> block, double announced);
    void judge_block(std::int64_t first, std::span<const float> raw, std::span<const float> smooth,
                     std::span<Cell> cells);

    const Loop& loop_;
    std::vector<float> smooth_;    // the loop through the same low-pass as the received signal
    double loop_power_ = 0;        // mean square of smooth_
    float coefficient_;            // of that low-pass (one pole, twice)
    std::int64_t block_;           // frames, 20 ms
    std::int64_t lost_until_ = 0;  // no new wide search before this frame
    double delay_ = -1;            // frames, negative: not aligned yet
    double gain_ = 0;
    double usual_error_ = 0.02;  // squared error of undisturbed cells relative to the signal
};

}  // namespace matriz::probe

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "common/base/units.hpp"
#include "plugins/dsp/codec/burg.hpp"
#include "plugins/dsp/codec/reprise.hpp"

namespace matriz::dsp {

/// Continues sound where packets are missing. The last bit heard is taken apart into a sum of earlier bits, which goes
/// on as it went on then (Reprise), and a rest, which rings on through a resonating filter (Burg). Voices and strings,
/// several at once too, go on as they were, tones ring on, noise fades into the filter. It sounds on unchanged for 20
/// ms and has faded out at 60 ms. When packets come again, the continuation fades into them.
///
/// All work of a gap's analysis falls into its first call: about 0.5 million operations a channel at 48 kHz, then 60 a
/// sample. So that no stream, however many its gaps and channels, takes a callback's time, no more than four channels
/// are analysed at once (but all of them in their first gap) and 200 a second; beyond that a channel goes on with what
/// was found last. One thread; allocates in the constructor only; all other members are RT-safe.
class Concealer {
  public:
    Concealer(int channels, SampleRate rate);

    /// Takes decoded frames (interleaved) that are about to be played. After a gap their beginning is blended with what
    /// the concealment would have gone on with. `doubtful`: so many frames are still wrong, as the gap left its mark on
    /// the decoder.
    void play(float* frames, int count, int doubtful = 0) noexcept;
    /// `count` 0: nothing is missing, but what comes does not continue what was, and is to be blended with that.
    void conceal(float* out, int count) noexcept;
    /// What was concealed has come after all: the `count` frames that began `ago` frames before the end of what was
    /// played and concealed so far were these. The next gap goes on from them in place of what was made up.
    void correct(const float* frames, int count, int ago) noexcept;
    void reset() noexcept;

  private:
    struct Channel {
        std::vector<float> history;  ///< twice as long as needed; the latest ends at history_end_
        std::vector<float> line;     ///< what was heard before the gap, and its continuation
        std::size_t line_end = 0;
        Reprise::Terms terms;
        std::array<double, Burg::order> feedback{};  ///< for the oldest output first
        std::array<double, 2 * Burg::order>
            memory{};  ///< the filter's last outputs, twice, so that they are always in one piece
        std::size_t oldest = 0;
        double loudest = 0;
        bool silent = true;
        bool known = false;  ///< analysed since the last reset()

        void extend(std::size_t count) noexcept;
        double ring() noexcept;
    };
    enum class State { playing, concealing, joining };

    void begin_gap() noexcept;
    bool look_back(Channel& channel) const noexcept;
    void analyse(Channel& channel) noexcept;
    float fade() const noexcept;
    /// The next `count` frames of every channel are at the end of its line.
    void extend(int count) noexcept;
    std::span<const float> past(const Channel& channel, std::size_t length) const noexcept;
    void remember(const float* frames, int count) noexcept;

    Reprise reprise_;
    Burg burg_;
    std::size_t needed_;  ///< samples of the past that an analysis reads
    int hold_;            ///< frames of concealment at full strength
    int gone_;            ///< frames after which it is silent
    int join_length_;     ///< frames in which a continuation fades into what comes…
    int long_join_;       ///< …when that does not continue the same sound, or not exactly
    std::vector<Channel> channels_;
    std::vector<float> rest_;
    std::size_t history_end_;
    double store_;  ///< analyses that may be made now
    double store_a_frame_;
    std::size_t turn_ = 0;  ///< the channel that is analysed first
    State state_ = State::playing;
    int age_ = 0;     ///< frames since the gap began
    int joined_ = 0;  ///< frames since it ended
    int join_ = 0;    ///< how many it takes this time…
    int stay_ = 0;    ///< …after so many without a change
};

}  // namespace matriz::dsp

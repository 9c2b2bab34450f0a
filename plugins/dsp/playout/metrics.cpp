// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/metrics.hpp"

namespace matriz::dsp {

static_assert(std::atomic<double>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);

PlayoutMetrics MetricsBoard::snapshot() const noexcept {
    PlayoutMetrics m;
    m.target_ms = get(target_ms);
    m.delay_ms = get(delay_ms);
    m.jitter_ms = get(jitter_ms);
    m.drift_ppm = get(drift_ppm);
    m.level_peak = get(level_peak);
    m.level_rms = get(level_rms);
    m.concealed_ms = get(concealed_ms);
    m.playing = get(playing) > 0;
    m.received = get(received);
    m.lost = get(lost);
    m.late = get(late);
    m.duplicates = get(duplicates);
    m.reordered = get(reordered);
    m.recovered = get(recovered);
    m.concealed = get(concealed);
    m.malformed = get(malformed);
    m.overflows = get(overflows);
    m.restarts = get(restarts);
    m.jumps = get(jumps);
    m.stray = get(stray);
    return m;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/stats.hpp"

namespace matriz::plugin {

GstStructure* stats_structure(const char* name, const dsp::PlayoutMetrics& m) {
    const auto count = [](std::uint64_t n) { return static_cast<guint64>(n); };
    return gst_structure_new(
        name, "playing", G_TYPE_BOOLEAN, m.playing ? TRUE : FALSE, "target-ms", G_TYPE_DOUBLE, m.target_ms, "delay-ms",
        G_TYPE_DOUBLE, m.delay_ms, "jitter-ms", G_TYPE_DOUBLE, m.jitter_ms, "drift-ppm", G_TYPE_DOUBLE, m.drift_ppm,
        "level-peak", G_TYPE_DOUBLE, m.level_peak, "level-rms", G_TYPE_DOUBLE, m.level_rms, "concealed-ms",
        G_TYPE_DOUBLE, m.concealed_ms, "received", G_TYPE_UINT64, count(m.received), "lost", G_TYPE_UINT64,
        count(m.lost), "late", G_TYPE_UINT64, count(m.late), "duplicates", G_TYPE_UINT64, count(m.duplicates),
        "reordered", G_TYPE_UINT64, count(m.reordered), "recovered", G_TYPE_UINT64, count(m.recovered), "concealed",
        G_TYPE_UINT64, count(m.concealed), "malformed", G_TYPE_UINT64, count(m.malformed), "overflows", G_TYPE_UINT64,
        count(m.overflows), "restarts", G_TYPE_UINT64, count(m.restarts), "jumps", G_TYPE_UINT64, count(m.jumps),
        "stray", G_TYPE_UINT64, count(m.stray), nullptr);
}

}  // namespace matriz::plugin

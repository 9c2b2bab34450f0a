// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/metrics.hpp"

#include "node/gst/ref.hpp"

namespace matriz::receiver {

dsp::PlayoutMetrics metrics_of(GstElement* sink) {
    dsp::PlayoutMetrics metrics;
    GstStructure* raw = nullptr;
    g_object_get(sink, "stats", &raw, nullptr);
    const auto stats = gst::own(raw);
    if (!stats) return metrics;
    const auto number = [&](const char* field, double& value) { gst_structure_get_double(stats.get(), field, &value); };
    const auto count = [&](const char* field, std::uint64_t& value) {
        guint64 counted = 0;
        if (gst_structure_get_uint64(stats.get(), field, &counted) != FALSE) value = counted;
    };
    number("target-ms", metrics.target_ms);
    number("delay-ms", metrics.delay_ms);
    number("jitter-ms", metrics.jitter_ms);
    number("drift-ppm", metrics.drift_ppm);
    number("level-peak", metrics.level_peak);
    number("level-rms", metrics.level_rms);
    number("concealed-ms", metrics.concealed_ms);
    count("received", metrics.received);
    count("lost", metrics.lost);
    count("late", metrics.late);
    count("duplicates", metrics.duplicates);
    count("reordered", metrics.reordered);
    count("recovered", metrics.recovered);
    count("concealed", metrics.concealed);
    count("malformed", metrics.malformed);
    count("overflows", metrics.overflows);
    count("restarts", metrics.restarts);
    count("jumps", metrics.jumps);
    count("stray", metrics.stray);
    gboolean playing = FALSE;
    metrics.playing = gst_structure_get_boolean(stats.get(), "playing", &playing) != FALSE && playing != FALSE;
    return metrics;
}

}  // namespace matriz::receiver

// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace matriz::probe {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out + '"';
}

std::string number(std::optional<double> value, int digits) {
    return value ? fmt::format("{:.{}f}", *value, digits) : "null";
}

std::optional<double> decibels(double level) {
    if (level <= 0) return std::nullopt;
    return 20 * std::log10(level);
}

std::string cell(std::optional<double> value, int digits) {
    return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

}  // namespace

std::string to_json(const Row& row, std::string_view type, double seconds) {
    const Heard& h = row.heard;
    const bool judged = h.glitches.seconds > 0;
    return fmt::format(
        R"({{"type":"{}","seconds":{:.3f},"group":{},"label":{},"port":{},"connected":{},"present":{},"latency_ms":{},)"
        R"("latency_min_ms":{},"latency_max_ms":{},"chirps":{},"peak_dbfs":{},"rms_dbfs":{},"glitches":{},)"
        R"("longest_dropout_ms":{},"judged_seconds":{:.3f},"xruns":{}}})",
        type, seconds, quoted(row.group), quoted(row.label), quoted(row.port), row.connected, h.present,
        number(h.latency_ms, 3), number(h.latency_min_ms, 3), number(h.latency_max_ms, 3), h.chirps,
        number(decibels(h.peak), 1), number(decibels(h.rms), 1), judged ? fmt::format("{}", h.glitches.events) : "null",
        judged ? fmt::format("{:.1f}", h.glitches.longest_dropout * 1000) : "null", h.glitches.seconds, row.xruns);
}

std::string onset_json(std::string_view group, std::string_view label, double monotonic) {
    return fmt::format(R"({{"type":"onset","group":{},"label":{},"monotonic":{:.4f}}})", quoted(group), quoted(label),
                       monotonic);
}

std::string to_table(const std::vector<Row>& rows, double seconds) {
    std::string out =
        fmt::format("{:<28} {:>9} {:>15} {:>7} {:>7} {:>8} {:>9} {:>6}  {}\n", fmt::format("{:.0f} s", seconds),
                    "latency", "min…max ms", "peak", "rms", "glitches", "drop-out", "xruns", "state");
    for (const Row& row : rows) {
        const Heard& h = row.heard;
        const bool judged = h.glitches.seconds > 0;
        out += fmt::format("{:<28} {:>9} {:>15} {:>7} {:>7} {:>8} {:>9} {:>6}  {}\n", row.group + " → " + row.label,
                           cell(h.latency_ms, 2), cell(h.latency_min_ms, 2) + "…" + cell(h.latency_max_ms, 2),
                           cell(decibels(h.peak), 1), cell(decibels(h.rms), 1),
                           judged ? fmt::format("{}", h.glitches.events) : "-",
                           judged ? fmt::format("{:.0f} ms", h.glitches.longest_dropout * 1000) : "-", row.xruns,
                           h.present ? "heard" : (row.connected ? "silent" : "no such port"));
    }
    return out;
}

void Totals::add(const Row& interval) {
    last_ = interval;
    const Heard& h = interval.heard;
    if (h.latency_ms) latencies_.push_back(*h.latency_ms);
    chirps_ += h.chirps;
    xruns_ += interval.xruns;
    peak_ = std::max(peak_, h.peak);
    power_ += h.rms * h.rms;
    ++intervals_;
    if (h.latency_min_ms) least_ = std::min(least_.value_or(*h.latency_min_ms), *h.latency_min_ms);
    if (h.latency_max_ms) greatest_ = std::max(greatest_.value_or(*h.latency_max_ms), *h.latency_max_ms);
    glitches_.events += h.glitches.events;
    glitches_.seconds += h.glitches.seconds;
    glitches_.longest_dropout = std::max(glitches_.longest_dropout, h.glitches.longest_dropout);
}

Row Totals::row() const {
    Row row = last_;
    row.xruns = xruns_;
    row.heard.chirps = chirps_;
    row.heard.peak = peak_;
    row.heard.rms = intervals_ > 0 ? std::sqrt(power_ / intervals_) : 0;
    row.heard.latency_min_ms = least_;
    row.heard.latency_max_ms = greatest_;
    row.heard.latency_ms.reset();
    if (!latencies_.empty()) {
        std::vector<double> sorted = latencies_;
        std::sort(sorted.begin(), sorted.end());
        row.heard.latency_ms = sorted[sorted.size() / 2];
    }
    row.heard.glitches = glitches_;
    return row;
}

}  // namespace matriz::probe

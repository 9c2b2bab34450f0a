// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/probes/analyser.hpp"

namespace matriz::probe {

/// One receiving port in a report.
struct Row {
    std::string group;
    std::string label;
    std::string port;
    bool connected = false;
    Heard heard;    ///< of the interval, or of the whole run
    int xruns = 0;  ///< of the JACK server, same stretch
};

/// One JSON object. `type` is "interval" or "total"; `seconds` since the start.
std::string to_json(const Row& row, std::string_view type, double seconds);
/// One JSON object: sound began on a receiving port at `monotonic` seconds of CLOCK_MONOTONIC.
std::string onset_json(std::string_view group, std::string_view label, double monotonic);
/// A table for people.
std::string to_table(const std::vector<Row>& rows, double seconds);

/// Sums up the intervals of one port.
class Totals {
  public:
    void add(const Row& interval);
    Row row() const;
    bool ever_heard() const noexcept { return chirps_ > 0; }

  private:
    Row last_;
    std::vector<double> latencies_;  // one an interval
    int chirps_ = 0;
    int xruns_ = 0;
    double peak_ = 0;
    double power_ = 0;
    int intervals_ = 0;
    std::optional<double> least_;
    std::optional<double> greatest_;
    GlitchCount glitches_;
};

}  // namespace matriz::probe

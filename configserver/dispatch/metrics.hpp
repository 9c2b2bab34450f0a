// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace matriz::dispatch {

/// Figures in Prometheus' text format (version 0.0.4). Each is read when asked for. Main thread.
class Metrics {
  public:
    using Read = std::function<double()>;
    void gauge(std::string name, std::string help, Read read);
    /// `name` ends in _total.
    void counter(std::string name, std::string help, Read read);
    std::string text() const;

  private:
    struct Metric {
        std::string name;
        std::string help;
        std::string_view type;
        Read read;
    };
    std::vector<Metric> metrics_;
};

}  // namespace matriz::dispatch

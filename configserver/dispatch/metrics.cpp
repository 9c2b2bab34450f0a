// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/metrics.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace matriz::dispatch {

void Metrics::gauge(std::string name, std::string help, Read read) {
    metrics_.push_back({std::move(name), std::move(help), "gauge", std::move(read)});
}

void Metrics::counter(std::string name, std::string help, Read read) {
    metrics_.push_back({std::move(name), std::move(help), "counter", std::move(read)});
}

std::string Metrics::text() const {
    std::string text;
    for (const Metric& metric : metrics_)
        fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", metric.name, metric.help,
                       metric.type, metric.read());
    return text;
}

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/impairment.hpp"

#include <algorithm>
#include <cmath>

namespace matriz::netlab {

Impairment::Impairment(const Conditions& conditions, std::uint64_t seed) : conditions_(conditions), random_(seed) {}

void Impairment::change(const Conditions& conditions) {
    conditions_ = conditions;
    in_burst_ = false;
    if (conditions_.rate == 0) link_free_ = Time{0};
}

/// In [0, 1). Written out, since the standard's distributions differ between libraries and seeds should not.
double Impairment::uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

bool Impairment::chance(double probability) { return probability > 0 && uniform() < probability; }

Duration Impairment::exponential(Duration mean) {
    return Duration{std::llround(-std::log1p(-uniform()) * static_cast<double>(mean.count()))};
}

/// Gilbert's two states, of which the bad one loses everything. Its mean length is `burst`, its share of the packets
/// `loss` (Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960).
bool Impairment::lose() {
    if (conditions_.loss <= 0) return false;
    if (conditions_.burst <= 1 || conditions_.loss >= 1) return chance(conditions_.loss);
    if (in_burst_)
        in_burst_ = !chance(1 / conditions_.burst);
    else
        in_burst_ = chance(conditions_.loss / (conditions_.burst * (1 - conditions_.loss)));
    return in_burst_;
}

Duration Impairment::jitter(Time now) {
    const Jitter& jitter = conditions_.jitter;
    switch (jitter.kind) {
        case JitterKind::none:
            return Duration{0};
        case JitterKind::constant:
            return counts_.offered % 2 == 0 ? jitter.amount : Duration{0};
        case JitterKind::uniform:
            return Duration{std::llround(uniform() * static_cast<double>(jitter.amount.count()))};
        case JitterKind::exponential:
            return exponential(jitter.amount);
        case JitterKind::stepped:
            return exponential((now / jitter.step_length) % 2 == 0 ? jitter.amount : jitter.step_amount);
    }
    return Duration{0};
}

Departures Impairment::offer(Time now, std::size_t bytes) {
    ++counts_.offered;
    if (lose()) {
        ++counts_.lost;
        return {};
    }
    Time leaves = now;
    if (conditions_.rate > 0) {
        const Time starts = std::max(now, link_free_);
        if (starts - now > conditions_.queue) {
            ++counts_.dropped;
            return {};
        }
        const auto bits = static_cast<std::uint64_t>(bytes) * 8;
        link_free_ = starts + Duration{static_cast<std::int64_t>(bits * 1'000'000'000 / conditions_.rate)};
        leaves = link_free_;
    }
    leaves += conditions_.delay + jitter(now);
    if (chance(conditions_.reorder)) {
        ++counts_.reordered;
        leaves += conditions_.reorder_by;
    } else {
        leaves = std::max(leaves, last_departure_);
        last_departure_ = leaves;
    }
    Departures departures;
    departures.at[departures.count++] = leaves;
    if (chance(conditions_.duplicate)) {
        ++counts_.duplicated;
        departures.at[departures.count++] = leaves;
    }
    return departures;
}

}  // namespace matriz::netlab

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/backoff.hpp"

#include <algorithm>

namespace matriz::control {
namespace {
constexpr int most_attempts = 1'000'000;
}

Backoff::Milliseconds Backoff::next() {
    Milliseconds ceiling = std::min(first_, cap_);
    for (int i = 0; i < attempt_ && ceiling < cap_; ++i) ceiling = ceiling > cap_ / 2 ? cap_ : ceiling * 2;
    if (attempt_ < most_attempts) ++attempt_;
    const Milliseconds least = std::min(floor_, ceiling);
    return Milliseconds{std::uniform_int_distribution<Milliseconds::rep>(least.count(), ceiling.count())(random_)};
}

}  // namespace matriz::control

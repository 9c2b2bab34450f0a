// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "common/base/units.hpp"

namespace matriz::emitter {

/// How the JACK server runs.
struct JackTiming {
    SampleRate rate{};
    Frames period{};
    bool operator==(const JackTiming&) const = default;
};

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "common/base/units.hpp"

namespace matriz::emitter {

/// How the JACK server runs.
struct JackTiming {
    SampleRate rate{};
    Frames period{};
    bool operator==(const JackTiming&) const = default;
};

/// Asks the JACK server `server` (empty: the default one) how it runs, by joining it for a moment as `client`. Never
/// starts a server. Throws Error when it does not run, or when another client has that name. May block while a server
/// hangs: not on the main loop.
JackTiming probe_jack(const std::string& server, const std::string& client);

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

#include "node/config/config.hpp"

namespace matriz::node::audio {

/// The JACK ports that patching looks at, full names, in the order JACK gives them (system:capture_1, _2, …).
struct PortSnapshot {
    std::vector<std::string> physical_outputs;  ///< what the sound card captures: outputs in JACK's view
    std::vector<std::string> physical_inputs;   ///< what the sound card plays
    std::vector<std::string> sending;           ///< <jack_client>-send:in_send_1…
    std::vector<std::string> receiving;         ///< <jack_client>:<peer>_1…, all peers
    std::set<std::string> all;
    bool operator==(const PortSnapshot&) const = default;
};

/// Which connections to make now that `now` is there and `before` was: only those with a port that is new, so that what
/// a person disconnected stays disconnected. A single input feeds every sending port; the channels of a peer go to the
/// outputs in turn, a mono peer to the first two. Pure; any thread.
std::vector<JackConnect::Patch> plan_patches(const JackConnect& wish, const PortSnapshot& before,
                                             const PortSnapshot& now);

}  // namespace matriz::node::audio

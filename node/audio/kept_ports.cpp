// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/kept_ports.hpp"

#include <algorithm>

namespace matriz::node::audio {

std::vector<std::string> KeptPorts::update(const std::set<std::string>& present) {
    std::erase_if(known_, [&](const std::string& name) { return present.contains(name); });
    std::vector<std::string> gone;
    while (!known_.empty() && known_.size() + present.size() > limit_) {
        gone.push_back(known_.front());
        known_.erase(known_.begin());
    }
    known_.insert(known_.end(), present.begin(), present.end());
    return gone;
}

}  // namespace matriz::node::audio

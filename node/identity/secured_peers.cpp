// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/secured_peers.hpp"

namespace matriz::identity {

void SecuredPeers::remember(const std::string& fingerprint, const std::string& name) {
    if (names_.size() < most && names_.emplace(fingerprint, name).second) file_.write(names_);
}

}  // namespace matriz::identity

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "common/base/log.hpp"
#include "configserver/auth/authenticator.hpp"
#include "configserver/dispatch/pusher.hpp"
#include "configserver/store/store.hpp"

namespace matriz::dispatch {

/// Changes who hears whom: first in the store, then here, then for everyone concerned.
class Router {
  public:
    Router(registry::Registry& registry, rooms::Rooms& rooms, const Pusher& pusher, store::Store& store);

    /// An empty table takes the matrix away. Throws Error when it cannot be stored; then nothing changes.
    void set(const std::string& room, const protocol::Routes& routes, const std::string& by);

  private:
    registry::Registry& registry_;
    rooms::Rooms& rooms_;
    const Pusher& pusher_;
    store::Store& store_;
    log::Logger log_{"routes"};
};

/// Keys made while the server runs, which live in the store.
class Keymaker {
  public:
    Keymaker(auth::Authenticator& authenticator, store::Store& store) : authenticator_(authenticator), store_(store) {}

    /// Puts the stored keys into `keyring`. Throws Error when they cannot be read.
    void load(auth::Keyring& keyring) const;
    /// A new key for a node called `name`, in place of the one made before. Throws Error when it cannot be stored.
    std::string make(const std::string& name);
    /// False when there was none. Throws Error.
    bool remove(const std::string& name);

  private:
    auth::Authenticator& authenticator_;
    store::Store& store_;
    log::Logger log_{"keys"};
};

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "common/base/log.hpp"
#include "configserver/dispatch/pusher.hpp"
#include "configserver/store/store.hpp"
#include "configserver/store/writer.hpp"

namespace matriz::dispatch {

/// Changes who hears whom: first in the store, then here, then for everyone concerned. Main thread.
class Router {
  public:
    struct Parts {
        registry::Registry& registry;
        rooms::Rooms& rooms;
        const Pusher& pusher;
        store::Writer& writer;
    };
    /// Takes over what `store` holds. Throws Error when that makes no sense.
    Router(Parts parts, const store::Store& store);

    /// An empty table takes the matrix away. `done` comes at once or from the main loop; with trouble when it could not
    /// be stored: then nothing has changed. False, and no `done`, when too many changes wait for the disk.
    [[nodiscard]] bool set(const std::string& room, protocol::Routes routes, const std::string& by,
                           store::Writer::Done done);

  private:
    void apply(const std::string& room, const protocol::Routes& routes, const std::string& by) const;

    Parts parts_;
    std::map<std::string, std::size_t> waiting_;  ///< how many changes of a room are not settled
    log::Logger log_{"routes"};
};

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/log.hpp"
#include "configserver/auth/authenticator.hpp"
#include "configserver/rooms/rooms.hpp"
#include "configserver/store/store.hpp"
#include "configserver/store/writer.hpp"

namespace matriz::dispatch {

/// Keys made while the server runs, which live in the store, and the rooms that they open. Main thread.
class Keymaker {
  public:
    struct Key {
        auth::KeyHash hash;
        std::set<std::string> rooms;  ///< whose member the name is, beside what the config says
    };
    struct Made {
        std::string key;
        std::set<std::string> rooms;
    };

    /// Takes over what `store` holds. Throws Error when that makes no sense.
    Keymaker(auth::Authenticator& authenticator, rooms::Rooms& rooms, store::Writer& writer, const store::Store& store);

    /// Puts them into `keyring`.
    void load(auth::Keyring& keyring) const;
    /// By name.
    const std::map<std::string, Key>& keys() const noexcept { return keys_; }

    /// A new key for a node called `name`, in place of the one made before; without `rooms` it opens the same rooms as
    /// that one. `done` comes from the main loop; with trouble when the key could not be stored: then nothing has
    /// changed. False, and no `done`, when too many changes wait for the disk.
    [[nodiscard]] bool make(const std::string& name, std::optional<std::set<std::string>> rooms,
                            std::function<void(const std::optional<std::string>& trouble, const Made& made)> done);
    /// Likewise; `found`: there was one.
    [[nodiscard]] bool remove(const std::string& name,
                              std::function<void(const std::optional<std::string>& trouble, bool found)> done);

  private:
    void replace(const std::string& name, const Key* key);

    auth::Authenticator& authenticator_;
    rooms::Rooms& rooms_;
    store::Writer& writer_;
    std::map<std::string, Key> keys_;  ///< as they are on the disk
    log::Logger log_{"keys"};
};

}  // namespace matriz::dispatch

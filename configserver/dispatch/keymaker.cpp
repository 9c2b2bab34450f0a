// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/keymaker.hpp"

#include <memory>
#include <utility>

#include "common/protocol/codec.hpp"
#include "common/protocol/key_request.hpp"

namespace matriz::dispatch {

Keymaker::Keymaker(auth::Authenticator& authenticator, rooms::Rooms& rooms, store::Writer& writer,
                   const store::Store& store)
    : authenticator_(authenticator), rooms_(rooms), writer_(writer) {
    for (const auto& [name, stored] : store.keys()) {
        const auto hash = auth::KeyHash::parse(stored.hash);
        if (!hash) throw Error("the store {}: the key of \"{}\" is no hash", store.path(), name);
        try {
            keys_.emplace(name, Key{*hash, protocol::decode_rooms(stored.rooms)});
        } catch (const protocol::Malformed& error) {
            throw Error("the store {}: rooms of the key of \"{}\": {}", store.path(), name, error.what());
        }
        rooms_.set_rooms_of(name, keys_.at(name).rooms);
    }
}

void Keymaker::load(auth::Keyring& keyring) const {
    for (const auto& [name, key] : keys_) keyring.add({auth::Role::node, name}, key.hash);
}

void Keymaker::replace(const std::string& name, const Key* key) {
    const auth::Identity identity{auth::Role::node, name};
    if (const auto former = keys_.find(name); former != keys_.end()) {
        authenticator_.keyring().remove(identity, former->second.hash);
        keys_.erase(former);
    }
    if (key != nullptr) {
        authenticator_.keyring().add(identity, key->hash);
        keys_.emplace(name, *key);
    }
    rooms_.set_rooms_of(name, key != nullptr ? key->rooms : std::set<std::string>{});
}

bool Keymaker::make(const std::string& name, std::optional<std::set<std::string>> rooms,
                    std::function<void(const std::optional<std::string>& trouble, const Made& made)> done) {
    struct Result {
        std::string key;
        auth::KeyHash hash;
        std::set<std::string> rooms;
    };
    const auto result = std::make_shared<Result>();  // the writer's thread writes it, then the main one reads it
    store::Writer::Change change;
    change.write = [name, rooms, result](store::Store& store) {
        result->key = auth::make_key();
        result->hash = auth::KeyHash::make(result->key);
        const std::string text = rooms ? protocol::encode_rooms(*rooms) : "";
        store.save_key(name, result->hash.to_string(), rooms ? &text : nullptr);
    };
    change.written = [this, name, rooms = std::move(rooms), result] {
        const auto former = keys_.find(name);
        result->rooms = rooms ? *rooms : former != keys_.end() ? former->second.rooms : std::set<std::string>{};
        const Key key{result->hash, result->rooms};
        replace(name, &key);
        authenticator_.keyring().remember({{auth::Role::node, name}, key.hash}, result->key);
        log_.info("a new key was made for {}", name);
    };
    return writer_.push(std::move(change), [result, done = std::move(done)](const auto& trouble) {
        done(trouble, {result->key, result->rooms});
    });
}

bool Keymaker::remove(const std::string& name,
                      std::function<void(const std::optional<std::string>& trouble, bool found)> done) {
    const auto found = std::make_shared<bool>(false);
    store::Writer::Change change;
    change.write = [name, found](store::Store& store) { *found = store.remove_key(name); };
    change.written = [this, name, found] {
        if (!*found) return;
        replace(name, nullptr);
        log_.info("the key made for {} was removed", name);
    };
    return writer_.push(std::move(change),
                        [found, done = std::move(done)](const auto& trouble) { done(trouble, *found); });
}

}  // namespace matriz::dispatch

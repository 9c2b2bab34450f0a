// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/router.hpp"

namespace matriz::dispatch {

Router::Router(registry::Registry& registry, rooms::Rooms& rooms, const Pusher& pusher, store::Store& store)
    : registry_(registry), rooms_(rooms), pusher_(pusher), store_(store) {
    for (const auto& [room, hears] : store_.routes()) {
        try {
            rooms_.set_routes(room, protocol::decode_routes_body(hears));
        } catch (const protocol::Malformed& error) {
            throw Error("the store {}: routes of room \"{}\": {}", store_.path(), room, error.what());
        }
    }
}

void Router::set(const std::string& room, const protocol::Routes& routes, const std::string& by) {
    const protocol::Routes* now = rooms_.routes(room);
    if (now != nullptr ? *now == routes : routes.empty()) return;  // the same again: stored, and known to everyone
    if (routes.empty())
        store_.remove_routes(room);
    else
        store_.save_routes(room, protocol::encode_routes_body(routes));
    rooms_.set_routes(room, routes);
    registry_.touch(room);
    log_.info("{} changed who hears whom in room {}", by, room);
    pusher_.announce(room, "", "who hears whom has changed", fmt::format("[{}] routes changed", room));
}

void Keymaker::load(auth::Keyring& keyring) const {
    for (const auto& [name, text] : store_.keys()) {
        const auto hash = auth::KeyHash::parse(text);
        if (!hash) throw Error("the store {}: the key of \"{}\" is no hash", store_.path(), name);
        keyring.add({auth::Role::node, name}, *hash);
    }
}

std::string Keymaker::make(const std::string& name) {
    const std::string key = auth::make_key();
    const auth::KeyHash hash = auth::KeyHash::make(key);
    const auto stored = store_.keys();
    store_.save_key(name, hash.to_string());
    auth::Keyring& keyring = authenticator_.keyring();
    if (const auto former = stored.find(name); former != stored.end())
        if (const auto old = auth::KeyHash::parse(former->second)) keyring.remove({auth::Role::node, name}, *old);
    keyring.add({auth::Role::node, name}, hash);
    keyring.remember({{auth::Role::node, name}, hash}, key);
    log_.info("a new key was made for {}", name);
    return key;
}

bool Keymaker::remove(const std::string& name) {
    const auto stored = store_.keys();
    const auto former = stored.find(name);
    if (former == stored.end() || !store_.remove_key(name)) return false;
    if (const auto old = auth::KeyHash::parse(former->second))
        authenticator_.keyring().remove({auth::Role::node, name}, *old);
    log_.info("the key made for {} was removed", name);
    return true;
}

}  // namespace matriz::dispatch

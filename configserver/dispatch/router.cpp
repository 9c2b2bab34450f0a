// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/router.hpp"

#include <utility>

namespace matriz::dispatch {

Router::Router(Parts parts, const store::Store& store) : parts_(parts) {
    for (const auto& [room, hears] : store.routes()) {
        try {
            parts_.rooms.set_routes(room, protocol::decode_routes_body(hears));
        } catch (const protocol::Malformed& error) {
            throw Error("the store {}: routes of room \"{}\": {}", store.path(), room, error.what());
        }
    }
}

bool Router::set(const std::string& room, protocol::Routes routes, const std::string& by, store::Writer::Done done) {
    const protocol::Routes* now = parts_.rooms.routes(room);
    const bool same = now != nullptr ? *now == routes : routes.empty();
    if (same && !waiting_.contains(room)) {  // stored, and known to everyone
        done(std::nullopt);
        return true;
    }
    store::Writer::Change change;
    change.subject = "routes of " + room;
    change.write = [room,
                    text = routes.empty() ? std::string() : protocol::encode_routes_body(routes)](store::Store& store) {
        if (text.empty())
            store.remove_routes(room);
        else
            store.save_routes(room, text);
    };
    change.written = [this, room, routes = std::move(routes), by] { apply(room, routes, by); };
    const bool taken = parts_.writer.push(std::move(change), [this, room, done = std::move(done)](const auto& trouble) {
        if (const auto left = waiting_.find(room); --left->second == 0) waiting_.erase(left);
        done(trouble);
    });
    if (taken) ++waiting_[room];
    return taken;
}

void Router::apply(const std::string& room, const protocol::Routes& routes, const std::string& by) const {
    parts_.rooms.set_routes(room, routes);
    parts_.registry.touch(room);
    log_.info("{} changed who hears whom in room {}", by, room);
    parts_.pusher.announce(room, "", "who hears whom has changed", fmt::format("[{}] routes changed", room));
}

}  // namespace matriz::dispatch

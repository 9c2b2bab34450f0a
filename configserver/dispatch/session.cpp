// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/dispatch/session.hpp"

#include <algorithm>

namespace matriz::dispatch {

Session& Sessions::add(http::Connection& connection) {
    auto session = std::make_unique<Session>();
    session->id = next_++;
    session->connection = &connection;
    connection.book.session = session.get();
    Session& added = *session;
    sessions_.emplace(added.id, std::move(session));
    return added;
}

Session* Sessions::find(SessionId id) const {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second.get();
}

void Sessions::remove(Session& session) {
    session.connection->book.session = nullptr;
    watchers_.erase(session.id);
    sessions_.erase(session.id);
}

void Sessions::clear() {
    watchers_.clear();
    for (const auto& [id, session] : sessions_) session->connection->book.session = nullptr;
    sessions_.clear();
}

void Sessions::set_kind(Session& session, Session::Kind kind) {
    session.kind = kind;
    session.owed.clear();
    if (kind == Session::Kind::monitor || kind == Session::Kind::viewer)
        watchers_.emplace(session.id, &session);
    else
        watchers_.erase(session.id);
}

std::size_t Sessions::count(Session::Kind kind) const {
    return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(),
                                                  [&](const auto& entry) { return entry.second->kind == kind; }));
}

}  // namespace matriz::dispatch

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/protocol/register.hpp"
#include "configserver/auth/keyring.hpp"
#include "configserver/http/connection.hpp"
#include "configserver/http/token_bucket.hpp"
#include "configserver/net/port_check.hpp"
#include "configserver/registry/registry.hpp"

namespace matriz::dispatch {

using registry::SessionId;

/// What the server knows of one websocket. Main thread, as all of this folder.
struct Session {
    enum class Kind {
        stranger,  ///< has not registered, or waits for its key or port to be checked
        node,
        monitor,
        viewer,
    };

    SessionId id = 0;
    http::Connection* connection = nullptr;
    Kind kind = Kind::stranger;
    std::string name;
    std::string room;                         ///< a monitor's may be empty: all rooms
    int version = 0;                          ///< of the protocol
    std::string entering;                     ///< the room it will be in once its port is checked
    std::map<std::string, std::string> owed;  ///< rooms that a monitor is still to be told of, each with its last event
    bool wants_status = false;
    bool busy = false;               ///< its register message is being worked on
    std::vector<std::string> early;  ///< what a stranger said meanwhile, in order
    std::size_t early_bytes = 0;
    net::PortChecker::Ticket port_check;
    std::string secret;       ///< HMAC of the key that let it in; empty: none was needed
    auth::Identity identity;  ///< what that key proved
    http::TokenBucket registers;
    http::TokenBucket relays;
    double signal_tokens = 0;
    http::Clock::time_point signal_tokens_at{};

    void send(std::string_view text, http::SendQueue::Kind how = http::SendQueue::Kind::message) const {
        connection->send(http::text_frame(text), how);
    }
};

/// All sessions, by number and by kind.
class Sessions {
  public:
    Session& add(http::Connection& connection);
    /// Nothing for one that has ended.
    Session* find(SessionId id) const;
    void remove(Session& session);
    void clear();
    void set_kind(Session& session, Session::Kind kind);
    static Session* of(const http::Connection& connection) { return static_cast<Session*>(connection.book.session); }

    const std::unordered_map<SessionId, Session*>& watchers() const noexcept { return watchers_; }
    template <class Function>
    void each(const Function& function) const {
        for (const auto& [id, session] : sessions_) function(*session);
    }
    std::size_t count(Session::Kind kind) const;

  private:
    SessionId next_ = 1;
    std::unordered_map<SessionId, std::unique_ptr<Session>> sessions_;
    std::unordered_map<SessionId, Session*> watchers_;  ///< monitors and viewers
};

}  // namespace matriz::dispatch

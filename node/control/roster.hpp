// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/client_info.hpp"

namespace matriz::control {

/// Who is in the mesh, through losses of the server. A server that was restarted knows nobody at first and learns of
/// each node only when that node has noticed and come back, so a node missing from the first list after a reconnect
/// stays in the roster until it is listed again, is said to have left, or a grace period is over: a restart of the
/// server must not be heard. Within one connection the list is the truth. Pure.
class Roster {
  public:
    using Clock = std::chrono::steady_clock;
    using Clients = std::vector<protocol::ClientInfo>;

    /// `grace` must exceed the time a node takes to notice a dead server plus its longest backoff.
    explicit Roster(std::chrono::seconds grace) : grace_(grace) {}

    /// A list from the server. `first` of its connection; `subject` is the node the message is about, `own` this one.
    void update(Clock::time_point now, const Clients& list, std::string_view subject, std::string_view own, bool first);
    /// Drops whoever did not come back in time; true if somebody went. Only while the server is there: losing it again
    /// starts a new grace period at the next list.
    bool expire(Clock::time_point now);
    void clear();

    /// The listed nodes and those kept for now.
    Clients clients() const;
    /// The names kept although the server does not list them (yet).
    std::vector<std::string> missing() const;
    /// When expire() has something to do.
    std::optional<Clock::time_point> deadline() const;

  private:
    struct Kept {
        protocol::ClientInfo client;
        Clock::time_point until;
    };
    bool is_listed(const protocol::ClientInfo& client) const;

    std::chrono::seconds grace_;
    Clients listed_;
    std::map<std::string, Kept, std::less<>> kept_;
};

}  // namespace matriz::control

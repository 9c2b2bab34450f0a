// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "node/webrtc/signal.hpp"

/// Who calls whom, and which messages belong to the session that counts. Pure; one thread.
namespace matriz::webrtc {

/// Of two nodes the one with the larger name calls, and the other makes the offer: they never offer both.
inline bool calls(std::string_view own, std::string_view peer) noexcept { return own > peer; }

/// The caller's side: makes the ids.
class CallerSessions {
  public:
    /// `epoch`: 16 hex digits that no earlier run has had.
    explicit CallerSessions(std::string epoch) : epoch_(std::move(epoch)) {}

    /// Another call, which is the current session from now on.
    SessionId next();
    bool is_current(const SessionId& id) const noexcept;
    const std::optional<SessionId>& current() const noexcept { return current_; }
    void end() noexcept { current_.reset(); }

  private:
    std::string epoch_;
    std::uint32_t number_ = 0;
    std::optional<SessionId> current_;
};

/// The offerer's side: takes each call once.
class OffererSessions {
  public:
    /// A call came: the current session from now on, if it is new. False for one that was there before (a replay, or
    /// one overtaken by a later one).
    bool admit(const SessionId& call);
    bool is_current(const SessionId& id) const noexcept;
    const std::optional<SessionId>& current() const noexcept { return current_; }
    void end() noexcept { current_.reset(); }

    static constexpr std::size_t max_epochs = 16;

  private:
    std::deque<SessionId> highest_;  ///< of each epoch, the one heard of last at the end
    std::optional<SessionId> current_;
};

}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/sessions.hpp"

#include <algorithm>

namespace matriz::webrtc {

SessionId CallerSessions::next() {
    current_ = SessionId{epoch_, ++number_};
    return *current_;
}

bool CallerSessions::is_current(const SessionId& id) const noexcept { return current_ && *current_ == id; }

bool OffererSessions::is_current(const SessionId& id) const noexcept { return current_ && *current_ == id; }

bool OffererSessions::admit(const SessionId& call) {
    const auto known =
        std::find_if(highest_.begin(), highest_.end(), [&](const SessionId& seen) { return seen.epoch == call.epoch; });
    if (known != highest_.end()) {
        if (call.number <= known->number) return false;
        highest_.erase(known);
    } else if (highest_.size() == max_epochs) {
        highest_.pop_front();
    }
    highest_.push_back(call);
    current_ = call;
    return true;
}

}  // namespace matriz::webrtc

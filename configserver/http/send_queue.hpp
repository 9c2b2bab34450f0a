// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "configserver/http/frame.hpp"

namespace matriz::http {

/// What waits to be written to one connection. Bounded: who does not read is let go, never waited for. A client list
/// replaces an older one that has not begun to leave, because only the newest counts. Pure; one thread.
class SendQueue {
  public:
    enum class Kind {
        message,  ///< every one counts
        latest,   ///< replaces an older `latest` that waits
        picture,  ///< replaces an older `picture` that waits; left out while one is leaving, or when there is no room
        relayed,  ///< from another client: left out when the queue is half full, so that nobody can fill it for another
        control,  ///< pongs and pings: overtakes what has not begun to leave
    };

    SendQueue(std::size_t max_bytes, std::size_t max_frames) : max_bytes_(max_bytes), max_frames_(max_frames) {}

    enum class Pushed { queued, left_out, overflow };
    /// On overflow the connection is to be closed.
    [[nodiscard]] Pushed push(Frame frame, Kind kind);
    bool empty() const noexcept { return waiting_.empty(); }
    /// The bytes to write next; call only when not empty. From now on they stay the first: a TLS write that could not
    /// be finished must be repeated with the same bytes.
    std::string_view front() noexcept {
        begun_ = true;
        return std::string_view(*waiting_.front().frame).substr(sent_);
    }
    /// `count` bytes of front() are gone.
    void sent(std::size_t count);
    std::size_t bytes() const noexcept { return bytes_; }
    /// So little waits that what is not urgent may come too.
    bool roomy() const noexcept { return 4 * bytes_ <= max_bytes_ && 8 * waiting_.size() <= max_frames_; }

  private:
    struct Item {
        Frame frame;
        Kind kind;
    };
    std::size_t max_bytes_;
    std::size_t max_frames_;
    std::size_t bytes_ = 0;  ///< in all waiting frames, the part of the first that has left included
    std::size_t sent_ = 0;   ///< of the first frame
    bool begun_ = false;     ///< the first frame keeps its place
    std::vector<Item> waiting_;
};

}  // namespace matriz::http

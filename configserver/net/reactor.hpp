// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include <cstdint>
#include <vector>

#include "configserver/net/fd.hpp"

namespace matriz::net {

/// Watches many descriptors for one GLib main loop. GLib polls every descriptor it knows on each turn, which makes each
/// event dearer the more connections there are; here they sit in one epoll set, and GLib sees only that. Made, used and
/// destroyed on the thread that iterates the default main context.
class Reactor {
  public:
    class Handler {
      public:
        /// `events` are EPOLLIN, EPOLLOUT, EPOLLHUP… The handler may remove any watch, its own included.
        virtual void on_ready(std::uint32_t events) noexcept = 0;

      protected:
        ~Handler() = default;
    };

    /// Names a watch; stays invalid after remove(), so a late event cannot reach a newer watch of the same descriptor.
    struct Watch {
        std::uint32_t slot = 0;
        std::uint32_t generation = 0;
    };

    Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor();

    /// Level-triggered. `handler` must outlive the watch. Throws Error when the kernel refuses.
    Watch add(int fd, std::uint32_t events, Handler& handler);
    void modify(Watch watch, int fd, std::uint32_t events) noexcept;
    /// Counts up with each turn, in which as many descriptors as are ready get their events.
    std::uint64_t turns() const noexcept { return turns_; }
    /// Call before closing `fd`.
    void remove(Watch watch, int fd) noexcept;

  private:
    struct Slot {
        Handler* handler = nullptr;
        std::uint32_t generation = 0;
    };
    static gboolean dispatch(GSource* source, GSourceFunc callback, gpointer data) noexcept;
    void turn() noexcept;

    Fd epoll_;
    GSource* source_ = nullptr;
    std::uint64_t turns_ = 0;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace matriz::net

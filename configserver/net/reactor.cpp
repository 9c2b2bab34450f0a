// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/reactor.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"

namespace matriz::net {
namespace {

struct ReactorSource {
    GSource base;
    Reactor* reactor;
    gpointer tag;
};

constexpr std::uint64_t pack(Reactor::Watch watch) {
    return (static_cast<std::uint64_t>(watch.slot) << 32) | watch.generation;
}

}  // namespace

gboolean Reactor::dispatch(GSource* source, GSourceFunc, gpointer) noexcept {
    auto* self = reinterpret_cast<ReactorSource*>(source);
    if (g_source_query_unix_fd(source, self->tag) != 0) self->reactor->turn();
    return G_SOURCE_CONTINUE;
}

Reactor::Reactor() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw Error("epoll_create1: {}", std::strerror(errno));
    static GSourceFuncs functions = {nullptr, nullptr, dispatch, nullptr, nullptr, nullptr};
    source_ = g_source_new(&functions, sizeof(ReactorSource));
    auto* self = reinterpret_cast<ReactorSource*>(source_);
    self->reactor = this;
    self->tag = g_source_add_unix_fd(source_, epoll_.get(), G_IO_IN);
    g_source_attach(source_, nullptr);
}

Reactor::~Reactor() {
    g_source_destroy(source_);
    g_source_unref(source_);
}

Reactor::Watch Reactor::add(int fd, std::uint32_t events, Handler& handler) {
    if (free_.empty()) {
        slots_.emplace_back();
        free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
    }
    const Watch watch{free_.back(), slots_[free_.back()].generation};
    epoll_event event{};
    event.events = events;
    event.data.u64 = pack(watch);
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw Error("epoll_ctl: {}", std::strerror(errno));
    free_.pop_back();
    slots_[watch.slot].handler = &handler;
    return watch;
}

void Reactor::modify(Watch watch, int fd, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = pack(watch);
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Reactor::remove(Watch watch, int fd) noexcept {
    Slot& slot = slots_[watch.slot];
    if (slot.generation != watch.generation || slot.handler == nullptr) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    slot.handler = nullptr;
    ++slot.generation;
    free_.push_back(watch.slot);
}

void Reactor::turn() noexcept {
    ++turns_;
    // Bounded, so that timers and signals get their turn however busy the sockets are.
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const std::uint64_t name = events[static_cast<std::size_t>(i)].data.u64;
        const Slot& slot = slots_[static_cast<std::size_t>(name >> 32)];
        if (slot.handler != nullptr && slot.generation == static_cast<std::uint32_t>(name))
            slot.handler->on_ready(events[static_cast<std::size_t>(i)].events);
    }
}

}  // namespace matriz::net

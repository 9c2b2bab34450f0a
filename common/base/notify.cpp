// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/base/notify.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <cstdio>

namespace matriz::notify {

void ready() noexcept { sd_notify(0, "READY=1"); }

void reloading() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000);
}

void stopping() noexcept { sd_notify(0, "STOPPING=1"); }

void status(std::string_view line) noexcept {
    line = line.substr(0, line.find('\n'));
    sd_notifyf(0, "STATUS=%.*s", static_cast<int>(line.size()), line.data());
}

void alive() noexcept { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdog_interval() noexcept {
    std::uint64_t allowed = 0;  // microseconds
    if (sd_watchdog_enabled(0, &allowed) <= 0) return std::nullopt;
    return std::chrono::milliseconds{allowed / 2000};
}

}  // namespace matriz::notify

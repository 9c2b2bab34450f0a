// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace matriz::notify {

/// What the service manager is told, sd_notify(3). All do nothing when no manager listens ($NOTIFY_SOCKET is unset).
/// Any thread but the audio thread.

/// The program does its work from now on; units ordered after it may start.
void ready() noexcept;
/// The config is being read again; ready() follows.
void reloading() noexcept;
/// The program is on its way out.
void stopping() noexcept;
/// One line for `systemctl status`.
void status(std::string_view line) noexcept;
/// "I am alive." Called from the loop whose standstill should be noticed.
void alive() noexcept;

/// How often alive() should be called: half of what the manager's watchdog allows. Nothing when there is no watchdog.
std::optional<std::chrono::milliseconds> watchdog_interval() noexcept;

}  // namespace matriz::notify

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

namespace matriz::gst {

struct RtkitAnswer {
    int priority = 0;     ///< what was given, 1–99; 0: none
    std::string refusal;  ///< why, when none
};

/// Asks RealtimeKit (org.freedesktop.RealtimeKit1 on the system bus), which desktops have so that their users need no
/// privilege, to give `thread` of this process real-time priority `wanted`, or as much as it gives to anyone. It
/// demands that the process limits itself (RLIMIT_RTTIME): a real-time thread that computes for longer than it allows,
/// 0.2 s as a rule, without a pause ends the process. Any thread, but it waits for the answer, 0.5 s at the most for
/// each of three: not while audio flows. `address`: of another bus.
RtkitAnswer ask_rtkit(pid_t thread, int wanted, const char* address = nullptr) noexcept;

}  // namespace matriz::gst

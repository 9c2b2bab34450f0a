// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "node/gst/ref.hpp"

namespace matriz::gst {

/// Gives the thread that calls real-time priority 45, or as much of it as RLIMIT_RTPRIO or else RealtimeKit lets it
/// have, which the log says once. Without any right to it the thread runs on as it is, and the log says so once, with
/// the fix. Asking RealtimeKit may take a second: call it before the thread carries anything.
void take_priority() noexcept;

/// Gives the streaming threads of `pipeline` real-time priority, below JACK's, so that packets do not wait behind
/// whatever else the machine does, as take_priority() does. Call it before the pipeline leaves NULL; takes the place of
/// the bus' sync handler.
void use_realtime_threads(GstElement* pipeline);

}  // namespace matriz::gst

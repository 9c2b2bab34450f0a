// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace matriz::gst {

/// Starts GStreamer and makes the project's own elements known, once; more calls do nothing. Any thread; call it before
/// other threads use GStreamer.
void initialise();

}  // namespace matriz::gst

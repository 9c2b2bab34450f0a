// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

// 1.22 calls the library unstable, and wants to hear that we know.
#ifndef GST_USE_UNSTABLE_API
#define GST_USE_UNSTABLE_API
#endif
#include <gst/sdp/gstsdpmessage.h>
#include <gst/webrtc/webrtc.h>

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <memory>

namespace matriz::webrtc {

/// Keeps a webrtcbin's own thread from working as long as this lives. What that thread does to an SCTP association that
/// ends at the same time, 1.22 does not guard: a stream that the other has reset is closed on a socket that is freed.
///
/// Made and destroyed on one thread, which is not webrtcbin's. Between, webrtcbin may go down as far as READY; to NULL
/// it would wait for its thread for ever.
class HeldThread {
  public:
    /// Waits until what webrtcbin's thread has begun is done.
    explicit HeldThread(GstElement* webrtcbin);
    HeldThread(const HeldThread&) = delete;
    HeldThread& operator=(const HeldThread&) = delete;
    ~HeldThread();

  private:
    struct Hold;
    const std::shared_ptr<Hold> hold_;
};

}  // namespace matriz::webrtc

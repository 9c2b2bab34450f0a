// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>
#include <gst/sdp/gstsdpmessage.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "node/gst/ref.hpp"

namespace matriz::receiver {

/// What a session description says of a stream's SRTP key (MIKEY in SDP, RFC 4567), and how often the stream's sequence
/// numbers have gone round (ROC, RFC 3711, section 3.3.1): who comes in later than that can decrypt nothing without it.
/// rtspsrc 1.22 passes the key on and leaves the ROC out. Any thread; outlives the decoders that it is given.
class SrtpKeys {
  public:
    /// Takes what `description` says; of several streams with a key the first.
    void take(const GstSDPMessage* description);
    /// Has `decoder`, a srtpdec, know it, if there is anything to be known.
    void give_to(GstElement* decoder);
    /// For srtpdec's "request-key"; null when there is no key.
    gst::Ref<GstCaps> caps_for(std::uint32_t ssrc) const;

  private:
    void add_rollover(GstCaps* caps, std::uint32_t ssrc) const;

    static GstPadProbeReturn on_event(GstPad*, GstPadProbeInfo* info, gpointer data) noexcept;
    static GstCaps* on_request_key(GstElement* decoder, guint ssrc, gpointer data) noexcept;

    mutable std::mutex mutex_;                          ///< guards what follows
    gst::Ref<GstCaps> key_;                             ///< without a ROC
    std::map<std::uint32_t, std::uint32_t> rollovers_;  ///< by SSRC
};

}  // namespace matriz::receiver

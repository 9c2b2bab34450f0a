// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <map>
#include <memory>
#include <string>

#include "common/base/log.hpp"
#include "node/emitter/offer.hpp"
#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// Keeps the shared medias prepared whether or not anybody listens: what peers usually ask for from the start, the
/// other variants once somebody has asked. The first listener need not wait for it, and one that comes while the last
/// one leaves does not find it half torn down. One thread.
class WarmMedia {
  public:
    WarmMedia(gst::Ref<GstRTSPServer> server, gst::Ref<GstRTSPMediaFactory> factory, std::shared_ptr<Offer> offer);
    WarmMedia(const WarmMedia&) = delete;
    WarmMedia& operator=(const WarmMedia&) = delete;
    ~WarmMedia() { release(); }

    /// Prepares what is not (any longer) prepared. Cheap when all is well; call it now and then.
    void keep();
    /// Somebody has asked for this URL: from now on its media stays.
    void add(const GstRTSPUrl* url);
    /// Lets packets on that wait for a listener over TCP which has stalled and is gone: gst-rtsp-server 1.22 would let
    /// them wait, and all later ones, until its next RTCP report. Cheap; call it when somebody begins to listen, and
    /// now and then.
    void wake();
    /// Lets go of all; the next keep() begins anew.
    void release();
    /// keep() has prepared everything.
    bool warm() const noexcept { return warm_; }

  private:
    struct Media {
        std::string query;
        gst::Ref<GstRTSPMedia> media;
    };
    void prepare(Media& entry);

    const log::Logger log_{"emitter"};
    gst::Ref<GstRTSPServer> server_;
    gst::Ref<GstRTSPMediaFactory> factory_;
    std::shared_ptr<Offer> offer_;
    std::map<std::string, Media> medias_;  ///< by the variant's key
    bool warm_ = false;
};

}  // namespace matriz::emitter

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <memory>

#include "node/emitter/offer.hpp"
#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// Makes the RTSP medias that listeners share: one for each variant of the offer, whatever else their URLs say. A media
/// only forwards packets; it adds no delay.
gst::Ref<GstRTSPMediaFactory> make_media_factory(std::shared_ptr<Offer> offer, bool encrypted);

}  // namespace matriz::emitter

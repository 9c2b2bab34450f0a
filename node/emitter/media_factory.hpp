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

/// Whether the way to who listens over TCP, of the media in `pipeline`, drops packets when a listener reads nothing,
/// instead of waiting for it. Any thread.
void let_tcp_drop(GstBin* pipeline, bool drop) noexcept;

}  // namespace matriz::emitter

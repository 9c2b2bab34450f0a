// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "node/emitter/packet_stream.hpp"
#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// An appsrc that hands ready RTP packets to an RTSP media, and looks to the media like the payloader that made them
/// (the properties "pt", "mtu" and "stats"). It holds a few packets at most and then drops the oldest: a media that
/// stalls costs the capture nothing. A listener cannot change the packets' size ("mtu" is read, and never obeyed).
gst::Ref<GstElement> make_packet_source(const char* name);

/// Feeds a packet source. Keeps it alive.
std::shared_ptr<PacketSink> make_packet_sink(gst::Ref<GstElement> packet_source);

}  // namespace matriz::emitter

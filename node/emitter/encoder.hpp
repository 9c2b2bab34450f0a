// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "node/emitter/config.hpp"
#include "node/emitter/jack_timing.hpp"
#include "node/gst/ref.hpp"

namespace matriz::emitter {

/// Makes the element that turns raw audio (F32LE, interleaved, `timing.rate`) into the RTP of `stream`: pads "sink" and
/// "src". The one place where an encoder is chosen. Throws Error when the codec is not to be had.
gst::Ref<GstElement> make_encoder(const StreamConfig& stream, const JackTiming& timing);

}  // namespace matriz::emitter

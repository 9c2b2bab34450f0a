// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/base/gstbasesink.h>
#include <gst/gst.h>

#include <chrono>
#include <cstdint>
#include <span>

namespace matriz::plugin {
class JackPlayer;
}

/// `matrizjacksink`: RTP in, sound out of JACK ports `<client-name>:<port-prefix>_1…channels`, decoded in JACK's
/// process callback. A shell over matriz::plugin::JackPlayer.
struct MatrizJackSink {
    GstBaseSink parent;
    matriz::plugin::JackPlayer* player;
};
struct MatrizJackSinkClass {
    GstBaseSinkClass parent_class;
};

GType matriz_jack_sink_get_type();

/// A packet of the stream whose caps the sink has, past all pads. `arrival` is by the monotonic clock. On the thread
/// that else pushes to the sink's pad.
void matriz_jack_sink_push(GstElement* sink, std::span<const std::uint8_t> packet,
                           std::chrono::nanoseconds arrival) noexcept;

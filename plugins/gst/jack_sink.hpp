// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/base/gstbasesink.h>
#include <gst/gst.h>

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

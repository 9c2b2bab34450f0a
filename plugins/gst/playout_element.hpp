// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

namespace matriz::plugin {
class ClockPlayer;
}

/// `matrizplayout`: RTP in, samples out, paced by the pipeline's clock: the playout for outputs other than JACK. A live
/// source as far as the elements behind it are concerned. A shell over matriz::plugin::ClockPlayer.
struct MatrizPlayout {
    GstElement parent;
    GstPad* sink;
    GstPad* src;
    matriz::plugin::ClockPlayer* player;
};
struct MatrizPlayoutClass {
    GstElementClass parent_class;
};

GType matriz_playout_get_type();

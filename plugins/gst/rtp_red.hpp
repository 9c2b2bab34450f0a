// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

namespace matriz::plugin {
struct RedShell;
}

/// `matrizrtpred`: RTP in, the same packets inside RED out, so that one encoder serves many connections of which each
/// has the redundancy that its own loss asks for. A shell over matriz::dsp::RedWrapper.
struct MatrizRtpRed {
    GstElement parent;
    GstPad* sink;
    GstPad* src;
    matriz::plugin::RedShell* shell;
};
struct MatrizRtpRedClass {
    GstElementClass parent_class;
};

GType matriz_rtp_red_get_type();

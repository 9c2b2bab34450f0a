// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

namespace matriz::plugin {
struct JitterbufferState;
}

/// `matrizjitterbuffer`: stands in rtpjitterbuffer's place in rtpbin (signal `request-jitterbuffer`) and passes every
/// packet on at once, since matrizjacksink and matrizplayout do all the waiting there should be. It has the properties
/// and signals that rtpbin, rtspsrc and webrtcbin expect of a jitterbuffer; RTCP is the RTP session's and stays right.
struct MatrizJitterbuffer {
    GstElement parent;
    GstPad* src;
    matriz::plugin::JitterbufferState* state;
};
struct MatrizJitterbufferClass {
    GstElementClass parent_class;
    void (*clear_pt_map)(MatrizJitterbuffer* self);
    guint64 (*set_active)(MatrizJitterbuffer* self, gboolean active, guint64 elapsed);
};

GType matriz_jitterbuffer_get_type();

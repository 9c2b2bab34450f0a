// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>
#include <gst/rtp/gstrtpbasepayload.h>

namespace matriz::plugin {
class RtpPayer;
}

/// `matrizrtppay`: float samples in, RTP of any of matriz' codecs out. A shell over matriz::plugin::RtpPayer.
struct MatrizRtpPay {
    GstRTPBasePayload parent;
    matriz::plugin::RtpPayer* payer;
    GstPadChainFunction base_chain;
};
struct MatrizRtpPayClass {
    GstRTPBasePayloadClass parent_class;
};

GType matriz_rtp_pay_get_type();

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/elements.hpp"

#include "plugins/gst/jack_sink.hpp"
#include "plugins/gst/jitterbuffer.hpp"
#include "plugins/gst/playout_element.hpp"
#include "plugins/gst/rtp_pay.hpp"
#include "plugins/gst/rtp_red.hpp"

namespace matriz::plugin {

bool register_elements(GstPlugin* plugin) {
    const auto add = [plugin](const char* name, GType type) {
        return gst_element_register(plugin, name, GST_RANK_NONE, type) != FALSE;
    };
    return add("matrizjacksink", matriz_jack_sink_get_type()) &&
           add("matrizjitterbuffer", matriz_jitterbuffer_get_type()) &&
           add("matrizplayout", matriz_playout_get_type()) && add("matrizrtppay", matriz_rtp_pay_get_type()) &&
           add("matrizrtpred", matriz_rtp_red_get_type());
}

}  // namespace matriz::plugin

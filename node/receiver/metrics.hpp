// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include "plugins/dsp/playout/metrics.hpp"

namespace matriz::receiver {

/// The playout's counters out of matrizjacksink's "stats". Any thread but the audio thread.
dsp::PlayoutMetrics metrics_of(GstElement* sink);

}  // namespace matriz::receiver

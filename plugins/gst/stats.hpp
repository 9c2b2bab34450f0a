// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include "plugins/dsp/playout/metrics.hpp"

namespace matriz::plugin {

/// The metrics as the elements' `stats` property has them; the caller owns the structure.
GstStructure* stats_structure(const char* name, const dsp::PlayoutMetrics& metrics);

}  // namespace matriz::plugin

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

namespace matriz::plugin {

/// Makes `matrizjacksink`, `matrizplayout`, `matrizjitterbuffer`, `matrizrtppay` and `matrizrtpred` known: to `plugin`
/// when it is loaded as libgstmatriz.so, with null to this process alone, as a program does that links the static
/// library and wants no plugin path. Call it once, after gst_init().
bool register_elements(GstPlugin* plugin);

}  // namespace matriz::plugin

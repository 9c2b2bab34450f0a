// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/gst.h>

#include "plugins/gst/elements.hpp"
#include "version.h"

#define PACKAGE "matriz"

namespace {
gboolean plugin_init(GstPlugin* plugin) { return matriz::plugin::register_elements(plugin) ? TRUE : FALSE; }
}  // namespace

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
// GStreamer knows no "GPL-3.0-or-later"; "GPL" is the name on its list that comes nearest.
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, matriz, "Playout of networked music with the least delay",
                  plugin_init, MATRIZ_VERSION, "GPL", "matriz", "https://github.com/matriz")
#pragma GCC diagnostic pop
}

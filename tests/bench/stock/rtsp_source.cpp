// SPDX-License-Identifier: GPL-3.0-or-later
// The sending side of a plain GStreamer setup: serves one launch line, shared, at rtsp://0.0.0.0:PORT/stream.
#include <fmt/format.h>
#include <glib-unix.h>
#include <gst/rtsp-server/rtsp-server.h>

#include "common/glib/ref.hpp"

int main(int argc, char** argv) {
    using matriz::glib::Ref;
    gst_init(&argc, &argv);
    if (argc != 3) {
        fmt::print(stderr, "usage: rtsp_source PORT LAUNCH (with an element called pay0)\n");
        return 2;
    }
    const auto server = Ref<GstRTSPServer>::adopt(gst_rtsp_server_new());
    gst_rtsp_server_set_service(server.get(), argv[1]);
    GstRTSPMediaFactory* factory = gst_rtsp_media_factory_new();  // taken by the mount points
    gst_rtsp_media_factory_set_launch(factory, argv[2]);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    const auto mounts = Ref<GstRTSPMountPoints>::adopt(gst_rtsp_server_get_mount_points(server.get()));
    gst_rtsp_mount_points_add_factory(mounts.get(), "/stream", factory);
    if (gst_rtsp_server_attach(server.get(), nullptr) == 0) {
        fmt::print(stderr, "rtsp_source: port {} cannot be listened on\n", argv[1]);
        return 1;
    }
    GMainLoop* loop = g_main_loop_new(nullptr, FALSE);
    const auto quit = [](gpointer data) -> gboolean {
        g_main_loop_quit(static_cast<GMainLoop*>(data));
        return G_SOURCE_REMOVE;
    };
    g_unix_signal_add(SIGTERM, quit, loop);
    g_unix_signal_add(SIGINT, quit, loop);
    fmt::print("listening\n");
    std::fflush(stdout);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
    return 0;
}

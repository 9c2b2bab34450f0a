// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/glib/source.hpp"

#include <glib-unix.h>

namespace matriz::glib {
namespace {

struct Call {
    Source::Callback callback;
    bool repeat;
};

gboolean dispatch(gpointer data) noexcept {
    const auto* call = static_cast<const Call*>(data);
    call->callback();
    return call->repeat ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

gboolean dispatch_fd(gint, GIOCondition, gpointer data) noexcept { return dispatch(data); }

}  // namespace

Source Source::attach(GSource* source, Callback callback, bool repeat, GMainContext* context) {
    // GLib holds the callback's data until it returns, so a callback that cancels its own source stays valid meanwhile.
    g_source_set_callback(source, dispatch, new Call{std::move(callback), repeat},
                          [](gpointer data) { delete static_cast<Call*>(data); });
    g_source_attach(source, context);
    return Source(source);
}

Source Source::every(std::chrono::milliseconds interval, Callback callback, GMainContext* context) {
    return attach(g_timeout_source_new(static_cast<guint>(interval.count())), std::move(callback), true, context);
}

Source Source::after(std::chrono::milliseconds delay, Callback callback, GMainContext* context) {
    return attach(g_timeout_source_new(static_cast<guint>(delay.count())), std::move(callback), false, context);
}

Source Source::on_signal(int signum, Callback callback, GMainContext* context) {
    return attach(g_unix_signal_source_new(signum), std::move(callback), true, context);
}

Source Source::on_readable(int fd, Callback callback, GMainContext* context) {
    GSource* source = g_unix_fd_source_new(fd, static_cast<GIOCondition>(G_IO_IN | G_IO_HUP | G_IO_ERR));
    // GLib hands a source's own kind of callback through GSourceFunc; the cast by way of void (*)() says so to g++.
    g_source_set_callback(source, reinterpret_cast<GSourceFunc>(reinterpret_cast<void (*)()>(dispatch_fd)),
                          new Call{std::move(callback), true}, [](gpointer data) { delete static_cast<Call*>(data); });
    g_source_attach(source, context);
    return Source(source);
}

void Source::cancel() {
    if (GSource* source = std::exchange(source_, nullptr)) {
        g_source_destroy(source);
        g_source_unref(source);
    }
}

void post(std::function<void()> callback, GMainContext* context) {
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, dispatch, new Call{std::move(callback), false},
                          [](gpointer data) { delete static_cast<Call*>(data); });
    g_source_attach(source, context);
    g_source_unref(source);
}

}  // namespace matriz::glib

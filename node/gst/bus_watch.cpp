// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/bus_watch.hpp"

namespace matriz::gst {
namespace {

gboolean dispatch(GstBus*, GstMessage* message, gpointer data) noexcept {
    (*static_cast<const BusWatch::Callback*>(data))(message);
    return G_SOURCE_CONTINUE;
}

}  // namespace

BusWatch::BusWatch(GstBus* bus, GMainContext* context, Callback callback) : source_(gst_bus_create_watch(bus)) {
    // GLib calls back through an untyped pointer; GstBusFunc is what the bus' own source calls.
    auto* function = reinterpret_cast<GSourceFunc>(reinterpret_cast<void (*)()>(&dispatch));
    g_source_set_callback(source_, function, new Callback(std::move(callback)),
                          [](gpointer data) { delete static_cast<Callback*>(data); });
    g_source_attach(source_, context);
}

BusWatch& BusWatch::operator=(BusWatch&& other) noexcept {
    if (this != &other) {
        cancel();
        source_ = std::exchange(other.source_, nullptr);
    }
    return *this;
}

void BusWatch::cancel() {
    if (GSource* source = std::exchange(source_, nullptr)) {
        g_source_destroy(source);
        g_source_unref(source);
    }
}

}  // namespace matriz::gst

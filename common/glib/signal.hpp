// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib-object.h>

#include <utility>

#include "common/glib/ref.hpp"

namespace matriz::glib {

/// A GObject signal connection that ends with its owner. Holds a reference to the emitter, so it may outlive it.
/// Make and destroy it on the thread that owns the receiver of the callback.
class SignalConnection {
  public:
    SignalConnection() = default;
    /// `data` must outlive this connection.
    SignalConnection(gpointer instance, const char* signal, GCallback callback, gpointer data)
        : instance_(Ref<GObject>::share(G_OBJECT(instance))), id_(g_signal_connect(instance, signal, callback, data)) {}
    SignalConnection(SignalConnection&& other) noexcept
        : instance_(std::move(other.instance_)), id_(std::exchange(other.id_, 0)) {}
    SignalConnection& operator=(SignalConnection&& other) noexcept {
        disconnect();
        instance_ = std::move(other.instance_);
        id_ = std::exchange(other.id_, 0);
        return *this;
    }
    ~SignalConnection() { disconnect(); }

    void disconnect() {
        if (id_ != 0 && instance_) g_signal_handler_disconnect(instance_.get(), std::exchange(id_, 0));
        instance_.reset();
    }

  private:
    Ref<GObject> instance_;
    gulong id_ = 0;
};

}  // namespace matriz::glib

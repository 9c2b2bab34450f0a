// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <utility>

#include "node/gst/ref.hpp"

namespace matriz::gst {

/// Hands a bus' messages to a callback on the thread that iterates `context`, until it ends. Make and destroy it on
/// that thread. The callback may destroy its own watch; it must not throw.
class BusWatch {
  public:
    using Callback = std::function<void(GstMessage*)>;

    BusWatch() = default;
    BusWatch(GstBus* bus, GMainContext* context, Callback callback);
    BusWatch(BusWatch&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
    BusWatch& operator=(BusWatch&& other) noexcept;
    ~BusWatch() { cancel(); }

    void cancel();

  private:
    GSource* source_ = nullptr;
};

}  // namespace matriz::gst

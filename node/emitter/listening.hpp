// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <cstdint>
#include <string>
#include <utility>

#include "common/glib/ref.hpp"

namespace matriz::emitter {

/// Lets connections to one address into a server, on the thread that iterates `context`, until it ends. Make and end it
/// on that thread.
class Listening {
  public:
    /// `address` is numeric; an IPv6 one takes IPv6 alone, so that `0.0.0.0` and `::` go side by side. `port` 0: any
    /// free one. `first_byte`: a connection counts once it has said something (listen_for_first_byte()). Throws Error
    /// with the kernel's words.
    Listening(const std::string& address, std::uint16_t port, bool first_byte, GstRTSPServer* server,
              GMainContext* context);
    Listening(Listening&& other) noexcept
        : socket_(std::move(other.socket_)), source_(std::exchange(other.source_, nullptr)) {}
    Listening& operator=(Listening&&) = delete;
    ~Listening();

    std::uint16_t port() const;

    /// Can this machine have IPv6 sockets?
    static bool ipv6_is_there() noexcept;

  private:
    glib::Ref<GSocket> socket_;
    GSource* source_ = nullptr;
};

}  // namespace matriz::emitter

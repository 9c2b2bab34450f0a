// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <gst/gst.h>
#include <gst/sdp/gstsdpmessage.h>

#include <atomic>
#include <memory>
#include <string>

#include "common/base/log.hpp"
#include "node/identity/identity.hpp"

namespace matriz::receiver {

/// rtsps:// to a peer that must have a certain certificate, as an rtspsrc needs it. Made before the source connects and
/// destroyed after it has stopped.
class TlsGuard {
  public:
    /// Throws Error when there is no TLS.
    TlsGuard(GstElement* source, const identity::Identity& own, std::string fingerprint, const log::Logger& log);
    TlsGuard(const TlsGuard&) = delete;
    TlsGuard& operator=(const TlsGuard&) = delete;

    /// May this description be believed? Only if it came over a connection whose certificate was the right one, and all
    /// its media are SRTP: a connection that GLib finds trustworthy by the system's CAs never asks us. Each certificate
    /// counts for one description. Any thread.
    bool admits(const GstSDPMessage* description) noexcept;
    /// The right certificate was shown, and no description came yet. Any thread.
    bool waits() const noexcept { return verified_.load(std::memory_order_relaxed); }
    /// The connection was refused for its certificate. Any thread.
    bool refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

  private:
    static gboolean on_accept_certificate(GstElement*, GTlsConnection*, GTlsCertificate* certificate,
                                          GTlsCertificateFlags, gpointer data) noexcept;

    const log::Logger& log_;
    const std::string fingerprint_;
    std::atomic<bool> verified_{false};
    std::atomic<bool> refused_{false};
};

}  // namespace matriz::receiver

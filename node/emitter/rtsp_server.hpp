// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/emitter/access.hpp"
#include "node/emitter/access_auth.hpp"
#include "node/emitter/config.hpp"
#include "node/emitter/listeners.hpp"
#include "node/emitter/listening.hpp"
#include "node/emitter/loss_watch.hpp"
#include "node/emitter/offer.hpp"
#include "node/emitter/warm_media.hpp"
#include "node/gst/worker.hpp"

namespace matriz::emitter {

/// Offers the stream at rtsp://address:port/stream, or rtsps:// with SRTP inside, over UDP and over TCP: on every IPv4
/// and IPv6 address of this machine, or on that of one interface, which it follows when it changes. Works on
/// threads of its own; what one listener does (stalls, vanishes, floods) reaches neither the capture nor the other
/// listeners.
class RtspServer {
  public:
    /// Listens when it returns. Throws Error: unknown interface, taken port, bad network in the config.
    RtspServer(const EmitterConfig& config, std::shared_ptr<Offer> offer);
    RtspServer(const RtspServer&) = delete;
    RtspServer& operator=(const RtspServer&) = delete;
    ~RtspServer() { close(); }

    /// Sends everybody away and listens no more. While packets still come: what is being prepared waits for one. The
    /// owner's thread.
    void close();

    /// Peers that may listen, besides loopback and the networks of the config. Who is no longer among them is sent
    /// away. Any thread.
    /// `peers` are numeric addresses; with TLS the fingerprints of their certificates count instead.
    void set_allowed(const std::vector<std::string>& peers, std::vector<std::string> fingerprints);

    /// What is offered has changed: everybody is sent away, and comes back to ask again. Any thread.
    void renew();

    /// The interface may have another address. Any thread.
    void addresses_changed();

    /// At most a second old. Any thread.
    std::vector<Listener> listeners() const;
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
    /// Where it listens; the IPv4 one when it is everywhere. Any thread.
    std::string url() const;
    std::uint16_t port() const;

    static constexpr std::chrono::seconds session_timeout{15};   ///< without any sign of life from a listener
    static constexpr std::chrono::seconds greeting_timeout{10};  ///< a connection that opens no session
    static constexpr std::size_t max_connections = 128;

  private:
    using Clock = std::chrono::steady_clock;

    void configure(const EmitterConfig& config);
    void listen(const std::vector<std::string>& addresses, std::uint16_t port);
    void start_timers();
    void follow_interface();
    void leave_address();
    void await_farewells();
    std::string url_of(const std::string& address, std::uint16_t port) const;
    std::string check_access(const Visitor& visitor);
    void note_refusal(const std::string& address, std::string_view why);
    void every_second();
    void log_changes(const std::vector<Listener>& now) const;
    void dismiss_idle();
    void dismiss_disallowed();

    static void on_client_connected(GstRTSPServer* server, GstRTSPClient* client, gpointer data) noexcept;
    void tell_fallback(const std::string& address, const char* query);
    static void on_media_asked(GstRTSPClient* client, GstRTSPContext* context, gpointer data) noexcept;
    static void on_play(GstRTSPClient* client, GstRTSPContext* context, gpointer data) noexcept;
    static void on_new_session(GstRTSPClient* client, GstRTSPSession* session, gpointer data) noexcept;
    static void on_client_gone(gpointer data, GObject* where) noexcept;

    const log::Logger log_{"emitter"};
    AccessList access_;
    std::shared_ptr<Offer> offer_;
    std::atomic<std::uint64_t> refused_{0};
    const std::string interface_;  ///< empty: all
    const PortRange udp_ports_;
    const bool encrypted_;

    std::mutex refusals_mutex_;  ///< guards refusals_
    RefusalLog refusals_;

    mutable std::mutex mutex_;                              ///< guards the four below
    std::map<const void*, Clock::time_point> connections_;  ///< every client object that exists, by address, since when
    std::vector<Listener> listeners_;
    std::vector<std::string> addresses_;  ///< numeric; written by the worker's thread alone
    std::uint16_t port_ = 0;              ///< the same
    std::condition_variable gone_;

    gst::Ref<GstRTSPServer> server_;
    gst::Ref<GstRTSPMediaFactory> factory_;

    // Only the worker's thread.
    std::optional<WarmMedia> warm_;
    RefusalLog fallbacks_;
    Listeners collector_;
    LossWatch losses_;
    glib::Source second_;
    glib::Source warm_up_;
    std::vector<Listening> listening_;
    bool following_ = false;  ///< the interface's new address could not be taken yet

    gst::Worker worker_{"matriz-rtsp"};
};

}  // namespace matriz::emitter

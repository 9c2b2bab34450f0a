// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <libsoup/soup.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/glib/ref.hpp"
#include "common/glib/signal.hpp"
#include "node/control/closed.hpp"

namespace matriz::control {

/// Where the server is and how the two trust each other. Empty paths: the system's CAs, no client certificate.
struct Endpoint {
    std::string url;  ///< ws:// or wss://
    std::string ca_crt;
    std::string client_crt;  ///< with client_pem, or neither
    std::string client_pem;
};

/// One websocket at a time, as a client, over TCP or TLS. Main thread only; every handler runs from the main loop,
/// never inside a call of connect(), send() or close(), and may destroy nothing but use all of these.
class Transport {
  public:
    struct Handlers {
        std::function<void()> opened;
        std::function<void(std::string_view)> received;  ///< one text message, at most protocol::max_message bytes
        std::function<void()> heard;                     ///< a pong
        std::function<void(const Closed&)> closed;       ///< once a connect(), unless drop() comes first
    };

    /// A ping goes out every `ping`, in whole seconds; the server's pongs are reported by `heard`. Whoever owns this
    /// judges a silence: libsoup does not.
    Transport(Endpoint endpoint, std::chrono::seconds ping, Handlers handlers);
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    ~Transport();

    /// Throws Error, naming the file, when a certificate or key is missing, broken, or does not belong to the other.
    /// For a check at start-up; connect() reads them again, so that renewed ones are taken up.
    static void check(const Endpoint& endpoint);

    /// Forgets what was before.
    void connect();
    void send(const std::string& text);
    void close();
    void drop() noexcept;

  private:
    struct Attempt;
    static void on_connected(GObject* session, GAsyncResult* result, gpointer attempt) noexcept;
    static gboolean on_accept_certificate(SoupMessage* message, GTlsCertificate* certificate,
                                          GTlsCertificateFlags flags, gpointer attempt) noexcept;
    static void on_message(SoupWebsocketConnection* connection, gint type, GBytes* data, gpointer self) noexcept;
    static void on_pong(SoupWebsocketConnection* connection, GBytes* data, gpointer self) noexcept;
    static void on_error(SoupWebsocketConnection* connection, GError* error, gpointer self) noexcept;
    static void on_closed(SoupWebsocketConnection* connection, gpointer self) noexcept;
    void adopt(glib::Ref<SoupWebsocketConnection> connection);
    void fail(std::string text);

    Endpoint endpoint_;
    std::chrono::seconds ping_;
    Handlers handlers_;
    std::shared_ptr<Attempt> attempt_;  ///< shared with the asynchronous call under way; its `owner` is us or null
    glib::Ref<SoupWebsocketConnection> connection_;
    glib::SignalConnection message_signal_;
    glib::SignalConnection pong_signal_;
    glib::SignalConnection error_signal_;
    glib::SignalConnection closed_signal_;
    std::string error_;  ///< what the connection complained about before it closed
};

}  // namespace matriz::control

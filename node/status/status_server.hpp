// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <libsoup/soup.h>

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/signal.hpp"
#include "node/status/snapshot.hpp"
#include "node/status/trust.hpp"

namespace matriz::status {

/// GET /status, /metrics and /trust, POST /trust/NAME over HTTP. Main thread only; `take` is called from the main loop,
/// once a request.
class StatusServer {
  public:
    using Take = std::function<Snapshot()>;

    /// Listens at once. `host` is an IP address or "localhost". Throws Error when the address cannot be had.
    StatusServer(const std::string& host, std::uint16_t port, Take take);
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;
    ~StatusServer();

    /// What /trust is about; nothing is pinned before this. What it names outlives the server.
    void set_trust(Trust trust) { trust_ = std::move(trust); }

    /// The port listened on, which matters when 0 was asked for.
    std::uint16_t port() const noexcept { return port_; }

  private:
    void listen(const std::string& host, std::uint16_t port);
    static gboolean on_incoming(GSocketService* service, GSocketConnection* connection, GObject* source,
                                gpointer self) noexcept;
    static void on_request(SoupServer* server, SoupServerMessage* message, const char* path, GHashTable* query,
                           gpointer self) noexcept;
    void answer(SoupServerMessage* message, std::string_view path) const;
    void accept(SoupServerMessage* message, const std::string& name) const;

    log::Logger log_{"status"};
    Take take_;
    Trust trust_;
    glib::Ref<SoupServer> server_;
    /// Accepts in place of the SoupServer's own listener, which leaks a socket object a connection (libsoup 3.2).
    glib::Ref<GSocketService> listener_;
    glib::SignalConnection incoming_;
    std::uint16_t port_ = 0;
};

}  // namespace matriz::status

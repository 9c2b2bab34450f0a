// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/rtsp_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "node/emitter/interface_address.hpp"
#include "node/emitter/media_factory.hpp"
#include "node/identity/tls.hpp"

namespace matriz::emitter {
namespace {

constexpr const char* any_address = "0.0.0.0";
constexpr std::chrono::seconds farewell_limit{3};
constexpr int after_session = 5;  ///< seconds that a connection may stay without a session, to try another transport
constexpr std::chrono::milliseconds first_packet_poll{10};

gst::Ref<GstRTSPAddressPool> make_udp_pool(const std::string& address, const PortRange& ports) {
    auto pool = gst::Ref<GstRTSPAddressPool>::adopt(gst_rtsp_address_pool_new());
    if (gst_rtsp_address_pool_add_range(pool.get(), address.c_str(), address.c_str(), ports.first, ports.last, 0) ==
        FALSE)
        throw Error("udp_ports {}-{} cannot be used with the address {}", ports.first, ports.last, address);
    return pool;
}

std::string text_of(const Listener& listener) {
    return fmt::format("{}:{} over {}", listener.address, listener.port, listener.tcp ? "TCP" : "UDP");
}

bool same(const Listener& a, const Listener& b) { return a.address == b.address && a.tcp == b.tcp && a.port == b.port; }

bool contains(const std::vector<Listener>& all, const Listener& one) {
    return std::any_of(all.begin(), all.end(), [&](const auto& entry) { return same(entry, one); });
}

/// What a listener over TCP does not read waits in the kernel: keep that short, so that one that stalls is noticed, and
/// one whose machine is gone too.
void bound_backlog(GstRTSPClient* client) {
    constexpr int send_buffer = 32 * 1024;  // the kernel doubles it; half a second of the fattest stream
    constexpr int unacknowledged_ms = 10'000;
    GstRTSPConnection* connection = gst_rtsp_client_get_connection(client);
    GSocket* socket = connection != nullptr ? gst_rtsp_connection_get_write_socket(connection) : nullptr;
    if (socket == nullptr) return;
    g_socket_set_option(socket, SOL_SOCKET, SO_SNDBUF, send_buffer, nullptr);
    g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, nullptr);
    g_socket_set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms, nullptr);
}

/// Closes the clients that `choose` picks. On the server's thread.
void close_clients(GstRTSPServer* server, const std::function<bool(GstRTSPClient*)>& choose) {
    const auto filter = [](GstRTSPServer*, GstRTSPClient* client, gpointer data) noexcept {
        const auto& wanted = *static_cast<const std::function<bool(GstRTSPClient*)>*>(data);
        return wanted(client) ? GST_RTSP_FILTER_REF : GST_RTSP_FILTER_KEEP;
    };
    GList* chosen = gst_rtsp_server_client_filter(server, filter, const_cast<void*>(static_cast<const void*>(&choose)));
    for (GList* entry = chosen; entry != nullptr; entry = entry->next)
        gst_rtsp_client_close(GST_RTSP_CLIENT(entry->data));
    g_list_free_full(chosen, g_object_unref);
}

std::string address_of(GstRTSPClient* client) {
    GstRTSPConnection* connection = gst_rtsp_client_get_connection(client);
    const char* address = connection != nullptr ? gst_rtsp_connection_get_ip(connection) : nullptr;
    return address != nullptr ? address : "";
}

std::uint16_t port_of(GSocket* socket) {
    const auto address = glib::Ref<GSocketAddress>::adopt(g_socket_get_local_address(socket, nullptr));
    return address ? g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address.get())) : std::uint16_t{0};
}

bool has_session(GstRTSPClient* client) {
    GList* sessions = gst_rtsp_client_session_filter(client, nullptr, nullptr);
    const bool any = sessions != nullptr;
    g_list_free_full(sessions, g_object_unref);
    return any;
}

/// Packets a second. Periods that JACK may change later make it no less useful a measure.
double packet_rate(const StreamConfig& stream, const Offer& offer) {
    if (stream.codec == dsp::CodecId::opus) return 1e6 / static_cast<double>(stream.frame.count());
    const JackTiming timing = offer.timing();
    return static_cast<double>(timing.rate.hz) / static_cast<double>(timing.period.count);
}

}  // namespace

RtspServer::RtspServer(const EmitterConfig& config, std::shared_ptr<Offer> offer)
    : access_(config.allow),
      offer_(std::move(offer)),
      encrypted_(config.tls.has_value()),
      server_(gst::Ref<GstRTSPServer>::adopt(gst_rtsp_server_new())),
      losses_(packet_rate(config.stream, *offer_), dsp::Redundancy::max_depth) {
    const std::string address = config.interface.empty() ? any_address : address_of_interface(config.interface);
    configure(config, address);
    worker_.run([&] { listen(address); });
}

void RtspServer::configure(const EmitterConfig& config, const std::string& address) {
    GstRTSPServer* server = server_.get();
    gst_rtsp_server_set_address(server, address.c_str());
    gst_rtsp_server_set_service(server, std::to_string(config.port).c_str());
    gst_rtsp_server_set_backlog(server, 64);

    const auto auth =
        make_access_auth([this](const Visitor& visitor) { return check_access(visitor); },
                         config.tls ? identity::tls_certificate(*config.tls) : glib::Ref<GTlsCertificate>());
    gst_rtsp_server_set_auth(server, auth.get());

    const auto factory = make_media_factory(offer_, encrypted_);
    gst_rtsp_media_factory_set_address_pool(factory.get(), make_udp_pool(address, config.udp_ports).get());
    const auto mounts = gst::Ref<GstRTSPMountPoints>::adopt(gst_rtsp_server_get_mount_points(server));
    gst_rtsp_mount_points_add_factory(mounts.get(), "/stream", gst::Ref(factory).release());
    warm_.emplace(server_, factory, offer_);

    const auto sessions = gst::Ref<GstRTSPSessionPool>::adopt(gst_rtsp_server_get_session_pool(server));
    gst_rtsp_session_pool_set_max_sessions(sessions.get(), max_connections);
    const auto threads = gst::Ref<GstRTSPThreadPool>::adopt(gst_rtsp_server_get_thread_pool(server));
    gst_rtsp_thread_pool_set_max_threads(threads.get(), 2);
    g_signal_connect(server, "client-connected", G_CALLBACK(on_client_connected), this);
}

void RtspServer::listen(const std::string& address) {
    glib::ErrorSlot error;
    const auto socket = glib::Ref<GSocket>::adopt(gst_rtsp_server_create_socket(server_.get(), nullptr, error.out()));
    if (!socket) {
        const auto service = gst::own(gst_rtsp_server_get_service(server_.get()));
        throw Error(
            "cannot listen on {}://{}:{}/stream: {}; another program, perhaps another matriz, may have that port",
            scheme(), address, service.get(), error.message());
    }
    if (encrypted_) listen_for_first_byte(socket.get());
    accept_ = g_socket_create_source(socket.get(), G_IO_IN, nullptr);
    g_source_set_callback(accept_, G_SOURCE_FUNC(gst_rtsp_server_io_func), server_.get(), nullptr);
    g_source_attach(accept_, worker_.context());
    port_ = port_of(socket.get());
    second_ = glib::Source::every(
        std::chrono::seconds{1}, [this] { every_second(); }, worker_.context());
    warm_up_ = glib::Source::every(
        first_packet_poll,
        [this] {
            warm_->keep();
            if (warm_->warm()) warm_up_.cancel();
        },
        worker_.context());
    log_.info("offering {}://{}:{}/stream", scheme(), address, port_);
}

void RtspServer::close() {
    worker_.run([this] {
        second_.cancel();
        warm_up_.cancel();
        if (accept_ == nullptr) return;
        g_source_destroy(accept_);
        g_source_unref(std::exchange(accept_, nullptr));
        close_clients(server_.get(), [](GstRTSPClient*) { return true; });
        warm_->release();
    });
    // The clients' own threads finish them; they call back into this.
    std::unique_lock lock(mutex_);
    if (!gone_.wait_for(lock, farewell_limit, [this] { return connections_.empty(); }))
        log_.warning("{} RTSP connections did not end in time", connections_.size());
}

void RtspServer::renew() {
    worker_.post([this] {
        warm_->release();
        close_clients(server_.get(), [](GstRTSPClient*) { return true; });
        warm_->keep();
    });
}

std::string RtspServer::check_access(const Visitor& visitor) {
    if (!encrypted_) {
        if (access_.allows(visitor.address)) return {};
        note_refusal(visitor.address, "it is neither in the client list nor in \"allow\"");
        return gst_rtsp_status_as_text(GST_RTSP_STS_FORBIDDEN);
    }
    if (!visitor.encrypted) {
        note_refusal(visitor.address, "it came without TLS (`rtsp_security` is \"tls\")");
        return "This stream is encrypted: come by rtsps:// with a certificate of the client list";
    }
    if (access_.knows(visitor.fingerprint)) return {};
    note_refusal(visitor.address,
                 fmt::format("its certificate is nobody's in the client list: {}", visitor.fingerprint));
    return "This certificate is not in the client list";
}

void RtspServer::note_refusal(const std::string& address, std::string_view why) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    std::optional<std::uint64_t> times;
    {
        const std::lock_guard lock(refusals_mutex_);
        times = refusals_.note(address, Clock::now());
    }
    if (times) log_.warning("refused {} ({} requests): {}", address, *times, why);
}

void RtspServer::set_allowed(const std::vector<std::string>& peers, std::vector<std::string> fingerprints) {
    access_.set_fingerprints(std::move(fingerprints));
    for (const auto& unknown : access_.set_peers(peers))
        log_.warning("the client list has \"{}\" as an address: it is none, so that peer cannot listen", unknown);
    worker_.post([this] { dismiss_disallowed(); });
}

std::vector<Listener> RtspServer::listeners() const {
    const std::lock_guard lock(mutex_);
    return listeners_;
}

void RtspServer::every_second() {
    try {
        const auto sessions = gst::Ref<GstRTSPSessionPool>::adopt(gst_rtsp_server_get_session_pool(server_.get()));
        gst_rtsp_session_pool_cleanup(sessions.get());
        dismiss_idle();
        warm_->keep();
        auto now = collector_.collect(server_.get(), Clock::now());
        for (auto& guest : offer_->guests()) now.push_back(std::move(guest));
        if (!offer_->fixed_redundancy()) offer_->redundancy().set(losses_.update(now, Clock::now()));
        log_changes(now);
        const std::lock_guard lock(mutex_);
        listeners_ = std::move(now);
    } catch (const std::exception& error) {
        log_.error("{}", describe(error));
    }
}

void RtspServer::log_changes(const std::vector<Listener>& now) const {
    // Only this thread writes listeners_, so reading it here needs no lock.
    for (const auto& listener : now)
        if (!contains(listeners_, listener)) log_.info("{} listens", text_of(listener));
    for (const auto& listener : listeners_)
        if (!contains(now, listener)) log_.info("{} no longer listens", text_of(listener));
}

void RtspServer::dismiss_idle() {
    const auto now = Clock::now();
    close_clients(server_.get(), [&](GstRTSPClient* client) {
        {
            const std::lock_guard lock(mutex_);
            const auto known = connections_.find(client);
            if (known == connections_.end() || now - known->second < greeting_timeout) return false;
        }
        return !has_session(client);
    });
}

void RtspServer::dismiss_disallowed() {
    close_clients(server_.get(), [&](GstRTSPClient* client) {
        const std::string address = address_of(client);
        const std::string fingerprint = fingerprint_of(client);
        // One that has not asked for anything yet is looked at when it does.
        const bool stays = encrypted_ ? fingerprint.empty() || access_.knows(fingerprint) : access_.allows(address);
        if (stays) return false;
        log_.info("{} left the client list: closing its connection", address);
        return true;
    });
}

void RtspServer::on_client_connected(GstRTSPServer*, GstRTSPClient* client, gpointer data) noexcept {
    auto& self = *static_cast<RtspServer*>(data);
    try {
        std::size_t count = 0;
        {
            const std::lock_guard lock(self.mutex_);
            self.connections_.emplace(client, Clock::now());
            count = self.connections_.size();
        }
        g_object_weak_ref(G_OBJECT(client), on_client_gone, &self);
        g_object_set(client, "post-session-timeout", after_session, nullptr);
        bound_backlog(client);
        g_signal_connect(client, "describe-request", G_CALLBACK(on_media_asked), &self);
        g_signal_connect(client, "new-session", G_CALLBACK(on_new_session), nullptr);
        if (count > max_connections) {
            self.log_.warning("{} RTSP connections at once: refusing one from {}", max_connections, address_of(client));
            gst_rtsp_client_close(client);
        }
    } catch (const std::exception&) {
        gst_rtsp_client_close(client);
    }
}

/// The answer is on its way, so the media is prepared and the access granted.
void RtspServer::on_media_asked(GstRTSPClient*, GstRTSPContext* context, gpointer data) noexcept {
    auto& self = *static_cast<RtspServer*>(data);
    GstRTSPUrl* url = gst_rtsp_url_copy(context->uri);
    try {
        const std::shared_ptr<GstRTSPUrl> shared(url, gst_rtsp_url_free);
        self.worker_.post([&self, shared] { self.warm_->add(shared.get()); });
    } catch (const std::exception&) {  // out of memory: the next listener waits a little longer
    }
}

void RtspServer::on_new_session(GstRTSPClient*, GstRTSPSession* session, gpointer) noexcept {
    gst_rtsp_session_set_timeout(session, static_cast<guint>(session_timeout.count()));
}

void RtspServer::on_client_gone(gpointer data, GObject* where) noexcept {
    auto& self = *static_cast<RtspServer*>(data);
    const std::lock_guard lock(self.mutex_);
    self.connections_.erase(where);
    self.gone_.notify_all();
}

}  // namespace matriz::emitter

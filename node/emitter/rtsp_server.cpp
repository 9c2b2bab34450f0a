// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/rtsp_server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/error.hpp"
#include "node/emitter/interface_address.hpp"
#include "node/emitter/media_factory.hpp"
#include "node/emitter/stream_rate.hpp"
#include "node/identity/tls.hpp"
#include "node/network/host.hpp"

namespace matriz::emitter {
namespace {

constexpr const char* any_ipv4 = "0.0.0.0";
constexpr const char* any_ipv6 = "::";
constexpr std::chrono::seconds farewell_limit{3};
constexpr int after_session = 5;  ///< seconds that a connection may stay without a session, to try another transport
constexpr std::chrono::milliseconds first_packet_poll{10};

/// Where to listen. Throws Error when the interface is not there or has no address.
std::vector<std::string> addresses_of(const std::string& interface) {
    if (!interface.empty()) return {address_of_interface(interface)};
    std::vector<std::string> all{any_ipv4};
    if (Listening::ipv6_is_there()) all.emplace_back(any_ipv6);
    return all;
}

/// The ports count for each address on its own: those of the other family do not take them away.
gst::Ref<GstRTSPAddressPool> make_udp_pool(const std::vector<std::string>& addresses, const PortRange& ports) {
    auto pool = gst::Ref<GstRTSPAddressPool>::adopt(gst_rtsp_address_pool_new());
    for (const std::string& address : addresses)
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

bool has_session(GstRTSPClient* client) {
    GList* sessions = gst_rtsp_client_session_filter(client, nullptr, nullptr);
    const bool any = sessions != nullptr;
    g_list_free_full(sessions, g_object_unref);
    return any;
}

}  // namespace

RtspServer::RtspServer(const EmitterConfig& config, std::shared_ptr<Offer> offer)
    : access_(config.allow),
      offer_(std::move(offer)),
      interface_(config.interface),
      udp_ports_(config.udp_ports),
      encrypted_(config.tls.has_value()),
      server_(gst::Ref<GstRTSPServer>::adopt(gst_rtsp_server_new())),
      factory_(make_media_factory(offer_, encrypted_)),
      // A period that JACK changes later makes it no less useful a measure.
      losses_(stream_rate(offer_->encodings().front().config, offer_->timing()).packets_per_second(),
              dsp::Redundancy::max_depth) {
    configure(config);
    worker_.run([&] {
        listen(addresses_of(interface_), config.port);
        start_timers();
    });
}

void RtspServer::configure(const EmitterConfig& config) {
    GstRTSPServer* server = server_.get();
    const auto auth =
        make_access_auth([this](const Visitor& visitor) { return check_access(visitor); },
                         config.tls ? identity::tls_certificate(*config.tls) : glib::Ref<GTlsCertificate>());
    gst_rtsp_server_set_auth(server, auth.get());

    const auto mounts = gst::Ref<GstRTSPMountPoints>::adopt(gst_rtsp_server_get_mount_points(server));
    gst_rtsp_mount_points_add_factory(mounts.get(), "/stream", gst::Ref(factory_).release());
    warm_.emplace(server_, factory_, offer_);

    const auto sessions = gst::Ref<GstRTSPSessionPool>::adopt(gst_rtsp_server_get_session_pool(server));
    gst_rtsp_session_pool_set_max_sessions(sessions.get(), max_connections);
    const auto threads = gst::Ref<GstRTSPThreadPool>::adopt(gst_rtsp_server_get_thread_pool(server));
    gst_rtsp_thread_pool_set_max_threads(threads.get(), 2);
    g_signal_connect(server, "client-connected", G_CALLBACK(on_client_connected), this);
}

/// At these addresses and no others. Throws Error; then it listens nowhere.
void RtspServer::listen(const std::vector<std::string>& addresses, std::uint16_t port) {
    listening_.clear();
    gst_rtsp_media_factory_set_address_pool(factory_.get(), make_udp_pool(addresses, udp_ports_).get());
    for (const std::string& address : addresses) {
        try {
            listening_.emplace_back(address, port, encrypted_, server_.get(), worker_.context());
        } catch (const Error& error) {
            listening_.clear();
            throw Error("cannot listen on {}: {}; another program, perhaps another matriz, may have that port",
                        url_of(address, port), error.what());
        }
        port = listening_.front().port();  // the same for all, also when it is any free one
        log_.info("offering {}", url_of(address, port));
    }
    const std::lock_guard lock(mutex_);
    addresses_ = addresses;
    port_ = port;
}

void RtspServer::start_timers() {
    second_ = glib::Source::every(
        std::chrono::seconds{1}, [this] { every_second(); }, worker_.context());
    warm_up_ = glib::Source::every(
        first_packet_poll,
        [this] {
            warm_->keep();
            if (warm_->warm()) warm_up_.cancel();
        },
        worker_.context());
}

std::string RtspServer::url_of(const std::string& address, std::uint16_t port) const {
    return fmt::format("{}://{}:{}/stream", encrypted_ ? "rtsps" : "rtsp", network::bracketed(address), port);
}

std::string RtspServer::url() const {
    const std::lock_guard lock(mutex_);
    return url_of(addresses_.front(), port_);
}

std::uint16_t RtspServer::port() const {
    const std::lock_guard lock(mutex_);
    return port_;
}

void RtspServer::close() {
    worker_.run([this] {
        second_.cancel();
        warm_up_.cancel();
        listening_.clear();
        close_clients(server_.get(), [](GstRTSPClient*) { return true; });
        warm_->release();
    });
    await_farewells();
}

void RtspServer::addresses_changed() {
    if (!interface_.empty()) worker_.post([this] { follow_interface(); });
}

/// To the address that the interface has now. Without one (yet), and when another program has the port there, every
/// second again.
void RtspServer::follow_interface() {
    try {
        const std::vector<std::string> now = addresses_of(interface_);
        if (!listening_.empty() && now == addresses_) {  // which only this thread writes
            following_ = false;
            return;
        }
        if (!following_) log_.info("{} has another address now: whoever listens must come back", interface_);
        leave_address();
        listen(now, port_);
        warm_->keep();
        following_ = false;
    } catch (const std::exception& error) {
        if (!std::exchange(following_, true)) log_.warning("{}; trying again every second", describe(error));
    }
}

/// A media keeps the address that it was made with, and lives as long as a connection or session has it.
void RtspServer::leave_address() {
    listening_.clear();
    close_clients(server_.get(), [](GstRTSPClient*) { return true; });
    const auto sessions = gst::Ref<GstRTSPSessionPool>::adopt(gst_rtsp_server_get_session_pool(server_.get()));
    const auto every = [](GstRTSPSessionPool*, GstRTSPSession*, gpointer) noexcept { return GST_RTSP_FILTER_REMOVE; };
    g_list_free_full(gst_rtsp_session_pool_filter(sessions.get(), every, nullptr), g_object_unref);
    await_farewells();
    warm_->release();
}

/// The clients' own threads finish them; they call back into this.
void RtspServer::await_farewells() {
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
        if (following_) follow_interface();
        warm_->keep();
        warm_->wake();
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

namespace {

/// One that is just being taken in, which gst_rtsp_client_close() would leave behind for good: it sees that its other
/// end is gone, and ends by itself.
void hang_up(GstRTSPClient* client) noexcept {
    GSocket* socket = gst_rtsp_connection_get_read_socket(gst_rtsp_client_get_connection(client));
    if (socket != nullptr) g_socket_shutdown(socket, TRUE, TRUE, nullptr);
}

}  // namespace

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
        g_signal_connect(client, "play-request", G_CALLBACK(on_play), &self);
        if (count > max_connections) {
            self.note_refusal(address_of(client), fmt::format("there are {} RTSP connections", max_connections));
            hang_up(client);
        }
    } catch (const std::exception&) {
        hang_up(client);
    }
}

/// The answer is on its way, so the media is prepared and the access granted.
void RtspServer::on_media_asked(GstRTSPClient* client, GstRTSPContext* context, gpointer data) noexcept {
    auto& self = *static_cast<RtspServer*>(data);
    GstRTSPUrl* url = gst_rtsp_url_copy(context->uri);
    try {
        const std::shared_ptr<GstRTSPUrl> shared(url, gst_rtsp_url_free);
        self.worker_.post([&self, shared, address = address_of(client)] {
            self.warm_->add(shared.get());
            self.tell_fallback(address, shared->query);
        });
    } catch (const std::exception&) {  // out of memory: the next listener waits a little longer
    }
}

/// That a listener gets another codec than the configured one, and why; once a minute and listener at the most.
void RtspServer::tell_fallback(const std::string& address, const char* query) {
    const std::string reason = offer_->choose(query).reason;
    if (!reason.empty() && fallbacks_.note(address, Clock::now()))
        log_.info("{}: {}; it gets standard Opus", address, reason);
}

/// It is among the listeners now.
void RtspServer::on_play(GstRTSPClient*, GstRTSPContext*, gpointer data) noexcept {
    auto& self = *static_cast<RtspServer*>(data);
    try {
        self.worker_.post([&self] { self.warm_->wake(); });
    } catch (const std::exception&) {  // out of memory: it is done every second, too
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

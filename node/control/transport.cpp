// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/transport.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/base/error.hpp"
#include "common/config/document.hpp"
#include "common/glib/error.hpp"
#include "common/glib/source.hpp"
#include "common/protocol/limits.hpp"
#include "node/control/explain.hpp"
#include "node/identity/key_pair.hpp"

namespace matriz::control {
namespace {

glib::Ref<GTlsDatabase> load_ca(const std::string& path) {
    glib::ErrorSlot error;
    // A relative path would be searched for nowhere by GnuTLS.
    char* absolute = g_canonicalize_filename(path.c_str(), nullptr);
    auto database = glib::Ref<GTlsDatabase>::adopt(G_TLS_DATABASE(g_tls_file_database_new(absolute, error.out())));
    g_free(absolute);
    if (!database) throw Error("ca_crt: {}: {}", path, error.message());
    return database;
}

std::string pem_of(GTlsCertificate* certificate, const char* property) {
    char* text = nullptr;
    g_object_get(certificate, property, &text, nullptr);
    std::string copy = text != nullptr ? text : "";
    g_free(text);
    return copy;
}

glib::Ref<GTlsCertificate> load_certificate(const std::string& certificate, const std::string& key) {
    glib::ErrorSlot error;
    auto pair = glib::Ref<GTlsCertificate>::adopt(
        g_tls_certificate_new_from_files(certificate.c_str(), key.c_str(), error.out()));
    if (!pair) throw Error("client_crt {} with client_pem {}: {}", certificate, key, error.message());
    if (!identity::belong_together(pem_of(pair.get(), "certificate-pem"), pem_of(pair.get(), "private-key-pem")))
        throw Error("client_crt {} with client_pem {}: the key is not that of the certificate", certificate, key);
    return pair;
}

std::string date_text(GDateTime* date) {
    if (date == nullptr) return "an unknown date";
    char* text = g_date_time_format(date, "%Y-%m-%d %H:%M UTC");
    std::string copy = text != nullptr ? text : "an unknown date";
    g_free(text);
    g_date_time_unref(date);
    return copy;
}

/// What a stranger wrote, fit for the log and the status page.
std::string short_text(const char* text) {
    constexpr std::size_t longest = 120;
    std::string copy = text != nullptr ? text : "";
    if (copy.size() > longest) copy.resize(longest);
    return config::is_utf8(copy) ? copy : "";
}

}  // namespace

/// One try to connect. It may outlive the Transport by the time that a cancelled call needs to come back.
struct Transport::Attempt {
    Transport* owner = nullptr;  ///< null once dropped
    Failure failure;
    glib::Ref<SoupSession> session;
    glib::Ref<SoupMessage> message;
    glib::Ref<GCancellable> cancellable;
    glib::SignalConnection certificate_signal;
    glib::Source broken;  ///< tells of a failure before any call went out
};

Transport::Transport(Endpoint endpoint, std::chrono::seconds ping, Handlers handlers)
    : endpoint_(std::move(endpoint)), ping_(ping), handlers_(std::move(handlers)) {}

Transport::~Transport() { drop(); }

void Transport::check(const Endpoint& endpoint) {
    if (!endpoint.ca_crt.empty()) load_ca(endpoint.ca_crt);
    if (!endpoint.client_crt.empty()) load_certificate(endpoint.client_crt, endpoint.client_pem);
}

void Transport::connect() {
    drop();
    attempt_ = std::make_shared<Attempt>();
    Attempt& attempt = *attempt_;
    attempt.owner = this;
    attempt.failure.url = endpoint_.url;
    attempt.failure.ca_crt = endpoint_.ca_crt;
    attempt.cancellable = glib::Ref<GCancellable>::adopt(g_cancellable_new());
    // A session for each attempt: no pooled connection, and certificates as they are on disk now.
    attempt.session = glib::Ref<SoupSession>::adopt(soup_session_new());
    attempt.message = glib::Ref<SoupMessage>::adopt(soup_message_new("GET", endpoint_.url.c_str()));
    try {
        if (!attempt.message) throw Error("url: {} is no websocket URL", endpoint_.url);
        if (!endpoint_.ca_crt.empty())
            soup_session_set_tls_database(attempt.session.get(), load_ca(endpoint_.ca_crt).get());
        if (!endpoint_.client_crt.empty()) {
            soup_message_set_tls_client_certificate(attempt.message.get(),
                                                    load_certificate(endpoint_.client_crt, endpoint_.client_pem).get());
            attempt.failure.client_certificate = true;
        }
    } catch (const std::exception& error) {
        attempt.broken =
            glib::Source::after(std::chrono::milliseconds{0}, [this, text = std::string(error.what())] { fail(text); });
        return;
    }
    GUri* uri = soup_message_get_uri(attempt.message.get());
    attempt.failure.host = g_uri_get_host(uri);
    attempt.failure.port = g_uri_get_port(uri);
    attempt.failure.path = g_uri_get_path(uri);
    // A redirect could lead from the server that the config names, and from wss to ws.
    soup_message_add_flags(attempt.message.get(), SOUP_MESSAGE_NO_REDIRECT);
    attempt.certificate_signal = glib::SignalConnection(attempt.message.get(), "accept-certificate",
                                                        G_CALLBACK(on_accept_certificate), &attempt);
    soup_session_websocket_connect_async(attempt.session.get(), attempt.message.get(), nullptr, nullptr,
                                         G_PRIORITY_DEFAULT, attempt.cancellable.get(), on_connected,
                                         new std::shared_ptr<Attempt>(attempt_));
}

void Transport::on_connected(GObject* session, GAsyncResult* result, gpointer data) noexcept {
    const std::unique_ptr<std::shared_ptr<Attempt>> held(static_cast<std::shared_ptr<Attempt>*>(data));
    Attempt& attempt = **held;
    glib::ErrorSlot error;
    auto connection = glib::Ref<SoupWebsocketConnection>::adopt(
        soup_session_websocket_connect_finish(SOUP_SESSION(session), result, error.out()));
    if (attempt.owner == nullptr) return;  // dropped meanwhile
    Transport& self = *attempt.owner;
    if (connection) {
        self.adopt(std::move(connection));
        return;
    }
    attempt.failure.error = error.get();
    attempt.failure.http_status = soup_message_get_status(attempt.message.get());
    attempt.failure.secured = soup_message_get_tls_peer_certificate(attempt.message.get()) != nullptr;
    self.fail(explain(attempt.failure));
}

gboolean Transport::on_accept_certificate(SoupMessage*, GTlsCertificate* certificate, GTlsCertificateFlags flags,
                                          gpointer data) noexcept {
    Failure& failure = static_cast<Attempt*>(data)->failure;
    failure.tls_flags = flags;
    failure.valid_from = date_text(g_tls_certificate_get_not_valid_before(certificate));
    failure.valid_until = date_text(g_tls_certificate_get_not_valid_after(certificate));
    return FALSE;
}

void Transport::adopt(glib::Ref<SoupWebsocketConnection> connection) {
    attempt_->owner = nullptr;
    attempt_.reset();
    error_.clear();
    connection_ = std::move(connection);
    SoupWebsocketConnection* socket = connection_.get();
    soup_websocket_connection_set_max_incoming_payload_size(socket, protocol::max_message);
    soup_websocket_connection_set_keepalive_interval(socket, static_cast<guint>(ping_.count()));
    message_signal_ = glib::SignalConnection(socket, "message", G_CALLBACK(on_message), this);
    pong_signal_ = glib::SignalConnection(socket, "pong", G_CALLBACK(on_pong), this);
    error_signal_ = glib::SignalConnection(socket, "error", G_CALLBACK(on_error), this);
    closed_signal_ = glib::SignalConnection(socket, "closed", G_CALLBACK(on_closed), this);
    handlers_.opened();
}

void Transport::on_message(SoupWebsocketConnection*, gint type, GBytes* data, gpointer self) noexcept {
    const auto& handlers = static_cast<Transport*>(self)->handlers_;
    if (type != SOUP_WEBSOCKET_DATA_TEXT) {
        handlers.heard();
        return;
    }
    gsize size = 0;
    const auto* text = static_cast<const char*>(g_bytes_get_data(data, &size));
    handlers.received(std::string_view(text, size));
}

void Transport::on_pong(SoupWebsocketConnection*, GBytes*, gpointer self) noexcept {
    static_cast<Transport*>(self)->handlers_.heard();
}

void Transport::on_error(SoupWebsocketConnection* connection, GError* error, gpointer self) noexcept {
    // libsoup takes some close codes of the server (1012, "service restart") for errors; the server's reason says more.
    if (soup_websocket_connection_get_close_code(connection) == 0)
        static_cast<Transport*>(self)->error_ = explain_loss(*error);
}

void Transport::on_closed(SoupWebsocketConnection* connection, gpointer data) noexcept {
    auto& self = *static_cast<Transport*>(data);
    Closed closed{.code = soup_websocket_connection_get_close_code(connection), .text = self.error_, .opened = true};
    const std::string reason = short_text(soup_websocket_connection_get_close_data(connection));
    if (closed.text.empty())
        closed.text = closed.code == 0 ? "the server hung up"
                      : reason.empty() ? fmt::format("the server closed the connection (code {})", closed.code)
                                       : fmt::format("the server closed the connection: {}", reason);
    self.drop();
    self.handlers_.closed(closed);
}

void Transport::fail(std::string text) {
    const Closed closed{.code = 0, .text = std::move(text), .opened = false};
    drop();
    handlers_.closed(closed);
}

void Transport::send(const std::string& text) {
    if (connection_ && soup_websocket_connection_get_state(connection_.get()) == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_send_text(connection_.get(), text.c_str());
}

void Transport::close() {
    if (connection_ && soup_websocket_connection_get_state(connection_.get()) == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_close(connection_.get(), SOUP_WEBSOCKET_CLOSE_NORMAL, nullptr);
}

void Transport::drop() noexcept {
    if (attempt_) {
        attempt_->owner = nullptr;
        attempt_->certificate_signal.disconnect();
        attempt_->broken.cancel();
        g_cancellable_cancel(attempt_->cancellable.get());
        attempt_.reset();
    }
    message_signal_.disconnect();
    pong_signal_.disconnect();
    error_signal_.disconnect();
    closed_signal_.disconnect();
    connection_.reset();
}

}  // namespace matriz::control

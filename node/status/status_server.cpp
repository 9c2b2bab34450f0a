// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/status/status_server.hpp"

#include <gio/gio.h>

#include <memory>
#include <string_view>
#include <utility>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "node/status/guard.hpp"

namespace matriz::status {
namespace {

void reply(SoupServerMessage* message, guint status, const char* type, const std::string& body) {
    SoupMessageHeaders* headers = soup_server_message_get_response_headers(message);
    soup_message_headers_replace(headers, "Cache-Control", "no-store");
    soup_message_headers_replace(headers, "X-Content-Type-Options", "nosniff");
    soup_server_message_set_status(message, status, nullptr);
    soup_server_message_set_response(message, type, SOUP_MEMORY_COPY, body.data(), body.size());
}

void refuse(SoupServerMessage* message, guint status, const std::string& text) {
    reply(message, status, "text/plain; charset=utf-8", text + "\n");
}

constexpr std::string_view trust_path = "/trust/";

/// By its address: who comes over the network, even from this machine's own other address, is not.
bool is_on_this_machine(SoupServerMessage* message) {
    GSocketAddress* remote = soup_server_message_get_remote_address(message);
    if (!G_IS_INET_SOCKET_ADDRESS(remote)) return false;
    GInetAddress* address = g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote));
    if (g_inet_address_get_is_loopback(address)) return true;
    const std::unique_ptr<char, decltype(&g_free)> text(g_inet_address_to_string(address), g_free);
    return std::string_view(text.get()).starts_with("::ffff:127.");
}

std::string_view header(SoupMessageHeaders* headers, const char* name) {
    const char* value = soup_message_headers_get_one(headers, name);
    return value != nullptr ? value : "";
}

}  // namespace

StatusServer::StatusServer(const std::string& host, std::uint16_t port, Take take)
    : take_(std::move(take)),
      server_(glib::Ref<SoupServer>::adopt(soup_server_new("server-header", nullptr, nullptr))),
      listener_(glib::Ref<GSocketService>::adopt(g_socket_service_new())),
      incoming_(listener_.get(), "incoming", G_CALLBACK(on_incoming), this) {
    listen(host, port);
    soup_server_add_handler(server_.get(), nullptr, on_request, this, nullptr);
    log_.info("http://{}:{}/status and /metrics", host.find(':') == std::string::npos ? host : "[" + host + "]", port_);
}

StatusServer::~StatusServer() {
    g_socket_service_stop(listener_.get());
    g_socket_listener_close(G_SOCKET_LISTENER(listener_.get()));
    soup_server_remove_handler(server_.get(), nullptr);
    soup_server_disconnect(server_.get());
}

void StatusServer::listen(const std::string& host, std::uint16_t port) {
    const auto address = glib::Ref<GSocketAddress>::adopt(
        g_inet_socket_address_new_from_string(host == "localhost" ? "127.0.0.1" : host.c_str(), port));
    if (!address) throw Error("control: {} is no IP address", host);
    glib::ErrorSlot error;
    GSocketAddress* bound = nullptr;
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(listener_.get()), address.get(), G_SOCKET_TYPE_STREAM,
                                       G_SOCKET_PROTOCOL_TCP, nullptr, &bound, error.out())) {
        if (error.matches(G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
            throw Error("control: {} port {} is taken, by another matriz perhaps; give this one another `control`",
                        host, port);
        throw Error("control: {} port {}: {}", host, port, error.message());
    }
    const auto where = glib::Ref<GSocketAddress>::adopt(bound);
    port_ = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(where.get()));
}

gboolean StatusServer::on_incoming(GSocketService*, GSocketConnection* connection, GObject*, gpointer self) noexcept {
    const auto local = glib::Ref<GSocketAddress>::adopt(g_socket_connection_get_local_address(connection, nullptr));
    const auto remote = glib::Ref<GSocketAddress>::adopt(g_socket_connection_get_remote_address(connection, nullptr));
    if (local && remote)  // else it is gone already
        soup_server_accept_iostream(static_cast<StatusServer*>(self)->server_.get(), G_IO_STREAM(connection),
                                    local.get(), remote.get(), nullptr);
    return FALSE;
}

void StatusServer::on_request(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                              gpointer self) noexcept {
    try {
        static_cast<StatusServer*>(self)->answer(message, path != nullptr ? path : "/");
    } catch (const std::exception& error) {
        static_cast<StatusServer*>(self)->log_.error("{}: {}", path, describe(error));
        soup_server_message_set_status(message, SOUP_STATUS_INTERNAL_SERVER_ERROR, nullptr);
    }
}

void StatusServer::answer(SoupServerMessage* message, std::string_view path) const {
    SoupMessageHeaders* headers = soup_server_message_get_request_headers(message);
    if (!is_allowed(header(headers, "Host"), header(headers, "Origin"))) {
        refuse(message, SOUP_STATUS_FORBIDDEN, "ask for this by IP address or as localhost, not from a web page");
        return;
    }
    const std::string_view method = soup_server_message_get_method(message);
    if (path.starts_with(trust_path) && method == "POST") {
        accept(message, std::string(path.substr(trust_path.size())));
        return;
    }
    if (method != "GET" && method != "HEAD") {
        soup_message_headers_replace(soup_server_message_get_response_headers(message), "Allow", "GET, HEAD");
        refuse(message, SOUP_STATUS_METHOD_NOT_ALLOWED, "only GET and HEAD");
        return;
    }
    if (path == "/status")
        reply(message, SOUP_STATUS_OK, "application/json", to_json(take_()));
    else if (path == "/metrics")
        reply(message, SOUP_STATUS_OK, "text/plain; version=0.0.4; charset=utf-8", to_prometheus(take_()));
    else if (path == "/trust")
        reply(message, SOUP_STATUS_OK, "application/json", to_json(trust_));
    else if (path == "/")
        refuse(message, SOUP_STATUS_OK, "matriz\n/status   JSON\n/metrics  Prometheus\n/trust    JSON");
    else
        refuse(message, SOUP_STATUS_NOT_FOUND, "there are /status, /metrics and /trust");
}

void StatusServer::accept(SoupServerMessage* message, const std::string& name) const {
    SoupMessageHeaders* headers = soup_server_message_get_request_headers(message);
    if (!may_change(is_on_this_machine(message), header(headers, "Origin"), header(headers, "X-Matriz"))) {
        refuse(message, SOUP_STATUS_FORBIDDEN, "only matrizctl on this very machine may change whom this node trusts");
        return;
    }
    if (trust_.known == nullptr) {
        refuse(message, SOUP_STATUS_CONFLICT,
               "this node trusts the config server (`trust` is \"server\"); nothing is pinned");
        return;
    }
    if (!trust_.known->accept(name)) {
        refuse(message, SOUP_STATUS_NOT_FOUND, fmt::format("no certificate of \"{}\" was refused", name));
        return;
    }
    log_.info("{} is trusted with its new certificate", name);
    if (trust_.accepted) trust_.accepted(name);
    reply(message, SOUP_STATUS_OK, "application/json", to_json(trust_));
}

}  // namespace matriz::status

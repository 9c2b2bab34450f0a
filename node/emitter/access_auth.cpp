// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/access_auth.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <exception>
#include <string_view>
#include <utility>

#include "node/identity/tls.hpp"

namespace {

using matriz::emitter::Visitor;

constexpr const char* tls_key = "matriz-tls";          ///< of the socket: its GTlsConnection, which the connection owns
constexpr const char* address_key = "matriz-address";  ///< of the GTlsConnection
constexpr const char* fingerprint_key = "matriz-fingerprint";  ///< of it and of the client; set once
constexpr unsigned char tls_handshake = 22;                    // RFC 8446, 5.1

struct MatrizAccessAuth {
    GstRTSPAuth parent;
    matriz::emitter::AccessCheck* check;
    GTlsCertificate* certificate;  ///< nullptr: no TLS
};
struct MatrizAccessAuthClass {
    GstRTSPAuthClass parent;
};

G_DEFINE_TYPE(MatrizAccessAuth, matriz_access_auth, GST_TYPE_RTSP_AUTH)

const char* text_of(gpointer object, const char* key) noexcept {
    const auto* text = object != nullptr ? static_cast<const char*>(g_object_get_data(G_OBJECT(object), key)) : nullptr;
    return text != nullptr ? text : "";
}

void set_once(gpointer object, const char* key, const std::string& text) noexcept {
    if (g_object_get_data(G_OBJECT(object), key) == nullptr)
        g_object_set_data_full(G_OBJECT(object), key, g_strdup(text.c_str()), g_free);
}

/// Who sent the request. On the client's own thread, where its connection cannot be closed meanwhile.
Visitor visitor_of(GstRTSPConnection* connection) {
    const char* address = gst_rtsp_connection_get_ip(connection);
    GSocket* socket = gst_rtsp_connection_get_read_socket(connection);
    gpointer tls = socket != nullptr ? g_object_get_data(G_OBJECT(socket), tls_key) : nullptr;
    return {.address = address != nullptr ? address : "",
            .encrypted = tls != nullptr,
            .fingerprint = text_of(tls, fingerprint_key)};
}

/// Nothing to read (yet) counts as TLS: then the handshake says that it is none.
bool is_plain(GSocket* socket) noexcept {
    unsigned char first = 0;
    const ssize_t got = ::recv(g_socket_get_fd(socket), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 1 && first != tls_handshake;
}

gboolean on_accept_certificate(GTlsConnection* tls, GTlsCertificate* certificate, GTlsCertificateFlags,
                               gpointer data) noexcept {
    try {
        const Visitor visitor{.address = text_of(tls, address_key),
                              .encrypted = true,
                              .fingerprint = matriz::identity::fingerprint_of(certificate)};
        if (!(*static_cast<MatrizAccessAuth*>(data)->check)(visitor).empty()) return FALSE;
        set_once(tls, fingerprint_key, visitor.fingerprint);
        return visitor.fingerprint == text_of(tls, fingerprint_key) ? TRUE : FALSE;
    } catch (const std::exception&) {  // out of memory: the safe answer
        return FALSE;
    }
}

/// Before the connection is read from. False: it is to be closed.
bool begin(MatrizAccessAuth* self, GstRTSPConnection* connection) noexcept {
    GSocket* socket = gst_rtsp_connection_get_read_socket(connection);
    const char* address = gst_rtsp_connection_get_ip(connection);
    if (socket == nullptr || address == nullptr) return false;
    if (self->certificate == nullptr || is_plain(socket)) return true;
    GTlsConnection* tls = gst_rtsp_connection_get_tls(connection, nullptr);
    if (tls == nullptr) return false;
    g_tls_connection_set_certificate(tls, self->certificate);
    g_object_set(tls, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, nullptr);
    g_object_set_data_full(G_OBJECT(tls), address_key, g_strdup(address), g_free);
    g_signal_connect_object(tls, "accept-certificate", G_CALLBACK(on_accept_certificate), self,
                            static_cast<GConnectFlags>(0));
    g_object_set_data(G_OBJECT(socket), tls_key, tls);
    return true;
}

gboolean check(GstRTSPAuth* auth, GstRTSPContext* context, const gchar* what) noexcept {
    auto* self = reinterpret_cast<MatrizAccessAuth*>(auth);
    const std::string_view question = what;
    if (question == GST_RTSP_AUTH_CHECK_TRANSPORT_CLIENT_SETTINGS) return FALSE;
    if (question == GST_RTSP_AUTH_CHECK_CONNECT) return begin(self, context->conn) ? TRUE : FALSE;
    if (question != GST_RTSP_AUTH_CHECK_URL) return TRUE;
    std::string why = gst_rtsp_status_as_text(GST_RTSP_STS_FORBIDDEN);
    try {
        const Visitor visitor = visitor_of(context->conn);
        why = (*self->check)(visitor);
        if (why.empty()) {
            set_once(context->client, fingerprint_key, visitor.fingerprint);
            return TRUE;
        }
    } catch (const std::exception&) {  // out of memory: the safe answer
    }
    gst_rtsp_message_init_response(context->response, GST_RTSP_STS_FORBIDDEN, why.c_str(), context->request);
    gst_rtsp_client_send_message(context->client, context->session, context->response);
    return FALSE;
}

void finalize(GObject* object) noexcept {
    auto* self = reinterpret_cast<MatrizAccessAuth*>(object);
    delete self->check;
    g_clear_object(&self->certificate);
    G_OBJECT_CLASS(matriz_access_auth_parent_class)->finalize(object);
}

void matriz_access_auth_class_init(MatrizAccessAuthClass* klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
    klass->parent.check = check;
}

void matriz_access_auth_init(MatrizAccessAuth*) {}

}  // namespace

namespace matriz::emitter {

gst::Ref<GstRTSPAuth> make_access_auth(AccessCheck access, glib::Ref<GTlsCertificate> certificate) {
    auto* auth = static_cast<MatrizAccessAuth*>(g_object_new(matriz_access_auth_get_type(), nullptr));
    auth->check = new AccessCheck(std::move(access));
    auth->certificate = certificate.release();
    return gst::Ref<GstRTSPAuth>::adopt(&auth->parent);
}

void listen_for_first_byte(GSocket* listener) {
    constexpr int seconds = 5;
    g_socket_set_option(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, nullptr);
}

std::string fingerprint_of(GstRTSPClient* client) { return text_of(client, fingerprint_key); }

}  // namespace matriz::emitter

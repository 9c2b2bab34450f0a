// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/tls.hpp"

#include <exception>
#include <string_view>
#include <utility>

#include "node/identity/tls.hpp"

namespace {

/// Shows our certificate when the other side asks for one.
struct MatrizTlsInteraction {
    GTlsInteraction parent;
    GTlsCertificate* certificate;
};
struct MatrizTlsInteractionClass {
    GTlsInteractionClass parent;
};

G_DEFINE_TYPE(MatrizTlsInteraction, matriz_tls_interaction, G_TYPE_TLS_INTERACTION)

GTlsInteractionResult request_certificate(GTlsInteraction* self, GTlsConnection* connection,
                                          GTlsCertificateRequestFlags, GCancellable*, GError**) noexcept {
    g_tls_connection_set_certificate(connection, reinterpret_cast<MatrizTlsInteraction*>(self)->certificate);
    return G_TLS_INTERACTION_HANDLED;
}

void finalize(GObject* object) noexcept {
    g_clear_object(&reinterpret_cast<MatrizTlsInteraction*>(object)->certificate);
    G_OBJECT_CLASS(matriz_tls_interaction_parent_class)->finalize(object);
}

void matriz_tls_interaction_class_init(MatrizTlsInteractionClass* klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
    klass->parent.request_certificate = request_certificate;
}

void matriz_tls_interaction_init(MatrizTlsInteraction*) {}

}  // namespace

namespace matriz::receiver {

TlsGuard::TlsGuard(GstElement* source, const identity::Identity& own, std::string fingerprint, const log::Logger& log)
    : log_(log), fingerprint_(std::move(fingerprint)) {
    auto certificate = identity::tls_certificate(own);
    auto* interaction = static_cast<MatrizTlsInteraction*>(g_object_new(matriz_tls_interaction_get_type(), nullptr));
    interaction->certificate = certificate.release();
    g_object_set(source, "tls-interaction", interaction, nullptr);
    g_object_unref(interaction);
    g_signal_connect(source, "accept-certificate", G_CALLBACK(on_accept_certificate), this);
}

gboolean TlsGuard::on_accept_certificate(GstElement*, GTlsConnection*, GTlsCertificate* certificate,
                                         GTlsCertificateFlags, gpointer data) noexcept {
    auto& self = *static_cast<TlsGuard*>(data);
    try {
        const std::string shown = identity::fingerprint_of(certificate);
        const bool right = !shown.empty() && shown == self.fingerprint_;
        self.verified_ = right;
        if (!right && !self.refused_.exchange(true))
            self.log_.warning("at its address somebody else answers, with the certificate {} instead of {}; refused",
                              shown, self.fingerprint_);
        return right ? TRUE : FALSE;
    } catch (const std::exception&) {  // out of memory: the safe answer
        return FALSE;
    }
}

bool TlsGuard::admits(const GstSDPMessage* description) noexcept {
    if (!verified_.exchange(false)) {
        refused_ = true;
        return false;
    }
    const guint count = gst_sdp_message_medias_len(description);
    for (guint i = 0; i < count; ++i) {
        const char* protocol = gst_sdp_media_get_proto(gst_sdp_message_get_media(description, i));
        const std::string_view text = protocol != nullptr ? protocol : "";
        if (text != "RTP/SAVP" && text != "RTP/SAVPF") return false;
    }
    return count > 0;
}

}  // namespace matriz::receiver

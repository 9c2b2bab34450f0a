// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/tls.hpp"

#include <memory>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"

namespace matriz::identity {

glib::Ref<GTlsCertificate> tls_certificate(const Identity& identity) {
    glib::ErrorSlot error;
    auto certificate =
        glib::Ref<GTlsCertificate>::adopt(g_tls_certificate_new_from_pem(identity.pem().c_str(), -1, error.out()));
    if (!certificate)
        throw Error("this node's certificate cannot be used for TLS: {}; is glib-networking installed?",
                    error.message());
    return certificate;
}

std::string fingerprint_of(GTlsCertificate* certificate) {
    if (certificate == nullptr) return {};
    char* raw = nullptr;
    g_object_get(certificate, "certificate-pem", &raw, nullptr);
    const std::unique_ptr<char, decltype(&g_free)> pem(raw, g_free);
    return pem ? fingerprint_of(std::string_view(pem.get())).value_or("") : "";
}

}  // namespace matriz::identity

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include <memory>

#include "node/control/explain.hpp"

namespace matriz::control {
namespace {

using testing::HasSubstr;

using ErrorPtr = std::unique_ptr<GError, decltype(&g_error_free)>;
ErrorPtr error(GQuark domain, int code, const char* text = "what the library says") {
    return {g_error_new_literal(domain, code, text), g_error_free};
}

std::string explained(const ErrorPtr& cause, Failure failure = {}) {
    failure.url = failure.url.empty() ? "wss://mesh.example:5000/config" : failure.url;
    failure.host = "mesh.example";
    failure.port = 5000;
    failure.path = "/config";
    failure.error = cause.get();
    return explain(failure);
}

struct Case {
    GQuark domain;
    int code;
    const char* expected;
};

TEST(Explain, NetworkTroubles) {
    for (const Case& one : {
             Case{G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no host is known by the name mesh.example"},
             Case{G_RESOLVER_ERROR, G_RESOLVER_ERROR_TEMPORARY_FAILURE, "is the network up?"},
             Case{G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "mesh.example port 5000 refused"},
             Case{G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "firewall"},
             Case{G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "no way to mesh.example"},
             Case{G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE, "no way to mesh.example"},
             Case{G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "wss:// and not ws://"},
             Case{G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "hung up"},
             Case{G_IO_ERROR, G_IO_ERROR_FAILED, "what the library says"},
         })
        EXPECT_THAT(explained(error(one.domain, one.code)), HasSubstr(one.expected));
    EXPECT_THAT(explained(error(G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED), {.url = "ws://mesh.example:5000/config"}),
                HasSubstr("ws:// and not wss://"));
}

TEST(Explain, TlsTroubles) {
    const auto closed = error(G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
    EXPECT_THAT(explained(closed, {.secured = true}), HasSubstr("ask for a client certificate"));
    EXPECT_THAT(explained(closed, {.secured = true, .client_certificate = true}), HasSubstr("accept the certificate"));
    EXPECT_THAT(explained(error(G_TLS_ERROR, G_TLS_ERROR_MISC), {.secured = true, .client_certificate = true}),
                HasSubstr("accept the certificate"));
    EXPECT_THAT(explained(error(G_TLS_ERROR, G_TLS_ERROR_NOT_TLS)), HasSubstr("does not speak TLS"));
    EXPECT_THAT(explained(error(G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED)), HasSubstr("set `client_crt`"));
    EXPECT_THAT(explained(error(G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED), {.client_certificate = true}),
                HasSubstr("does not accept the certificate"));
    EXPECT_THAT(explained(error(G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE)), HasSubstr("what the library says"));
}

struct CertificateCase {
    int flags;
    const char* expected;
};

TEST(Explain, WhatIsWrongWithTheCertificate) {
    const auto bad = error(G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
    for (const CertificateCase& one : {
             CertificateCase{G_TLS_CERTIFICATE_UNKNOWN_CA, "the CA in `ca_crt` (/etc/ca.crt)"},
             CertificateCase{G_TLS_CERTIFICATE_UNKNOWN_CA | G_TLS_CERTIFICATE_EXPIRED, "`ca_crt`"},
             CertificateCase{G_TLS_CERTIFICATE_BAD_IDENTITY, "another name than mesh.example"},
             CertificateCase{G_TLS_CERTIFICATE_EXPIRED, "expired on 2020-01-01"},
             CertificateCase{G_TLS_CERTIFICATE_NOT_ACTIVATED, "only from 2019-01-01"},
             CertificateCase{G_TLS_CERTIFICATE_REVOKED, "revoked"},
             CertificateCase{G_TLS_CERTIFICATE_INSECURE, "not secure"},
             CertificateCase{G_TLS_CERTIFICATE_GENERIC_ERROR, "not acceptable"},
         })
        EXPECT_THAT(explained(bad, {.ca_crt = "/etc/ca.crt",
                                    .tls_flags = static_cast<GTlsCertificateFlags>(one.flags),
                                    .valid_from = "2019-01-01",
                                    .valid_until = "2020-01-01"}),
                    HasSubstr(one.expected));
    EXPECT_THAT(explained(bad, {.tls_flags = G_TLS_CERTIFICATE_UNKNOWN_CA}),
                HasSubstr("no CA that this machine trusts"));
}

TEST(Explain, AnswersThatAreNoWebsocket) {
    const auto cause = error(SOUP_WEBSOCKET_ERROR, SOUP_WEBSOCKET_ERROR_NOT_WEBSOCKET);
    for (const auto& [status, expected] :
         {std::pair{404U, "no config server at the path /config"}, std::pair{401U, "client certificate"},
          std::pair{403U, "client certificate"}, std::pair{503U, "busy"}, std::pair{429U, "busy"},
          std::pair{200U, "HTTP 200"}, std::pair{302U, "HTTP 302"}})
        EXPECT_THAT(explained(cause, {.http_status = status}), HasSubstr(expected));
    EXPECT_THAT(explained(cause), HasSubstr("websocket handshake"));
    EXPECT_THAT(explained(cause, {.http_status = 101}), HasSubstr("websocket handshake"));
}

TEST(Explain, WithoutAnErrorThereIsStillASentence) {
    EXPECT_THAT(explained({nullptr, g_error_free}), HasSubstr("mesh.example port 5000"));
}

TEST(ExplainLoss, SaysWhatBroke) {
    EXPECT_THAT(explain_loss(*error(G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED)), HasSubstr("client_crt"));
    EXPECT_THAT(explain_loss(*error(G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)), HasSubstr("broke"));
    EXPECT_THAT(explain_loss(*error(G_IO_ERROR, G_IO_ERROR_FAILED)), HasSubstr("what the library says"));
}

}  // namespace
}  // namespace matriz::control

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/explain.hpp"

#include <fmt/format.h>
#include <libsoup/soup.h>

#include <optional>

namespace matriz::control {
namespace {

bool is(const GError* error, GQuark domain, int code) { return g_error_matches(error, domain, code) != FALSE; }

std::string about_certificate(const Failure& f) {
    const auto has = [&f](GTlsCertificateFlags flag) { return (f.tls_flags & flag) != 0; };
    // The most telling first: a certificate of a stranger may be expired and misnamed besides.
    if (has(G_TLS_CERTIFICATE_UNKNOWN_CA))
        return f.ca_crt.empty() ? fmt::format(
                                      "the certificate of {} comes from no CA that this machine trusts; is its "
                                      "CA missing in `ca_crt`?",
                                      f.host)
                                : fmt::format(
                                      "the certificate of {} does not come from the CA in `ca_crt` ({}); is it "
                                      "the right server and the right CA?",
                                      f.host, f.ca_crt);
    if (has(G_TLS_CERTIFICATE_NOT_ACTIVATED))
        return fmt::format("the certificate of {} is valid only from {}; is the clock of this machine right?", f.host,
                           f.valid_from);
    if (has(G_TLS_CERTIFICATE_EXPIRED))
        return fmt::format("the certificate of {} expired on {}; renew it there, or set the clock of this machine",
                           f.host, f.valid_until);
    if (has(G_TLS_CERTIFICATE_BAD_IDENTITY))
        return fmt::format(
            "the certificate of the server is made out to another name than {}; use in `url` the name "
            "that it has",
            f.host);
    if (has(G_TLS_CERTIFICATE_REVOKED)) return fmt::format("the certificate of {} was revoked", f.host);
    if (has(G_TLS_CERTIFICATE_INSECURE))
        return fmt::format("the certificate of {} is signed in a way that is not secure any more", f.host);
    return fmt::format("the certificate of {} is not acceptable", f.host);
}

std::string about_handshake(const Failure& f) {
    const std::string subject = fmt::format("{} port {}", f.host, f.port);
    switch (f.http_status) {
        case 401:
        case 403:
            return fmt::format("{} refused with HTTP {}; does it want a client certificate (`client_crt`)?", subject,
                               f.http_status);
        case 404:
            return fmt::format("{} has no config server at the path {} (HTTP 404); it is usually /config", subject,
                               f.path);
        case 429:
        case 503:
            return fmt::format("{} is busy (HTTP {})", subject, f.http_status);
        default:
            return fmt::format(
                "{} answered HTTP {} instead of opening a websocket at {}; is `url` that of a config "
                "server?",
                subject, f.http_status, f.path);
    }
}

/// With TLS 1.3 the server looks at the client's certificate when the client is already through; then it only hangs up
/// or sends an alert.
std::string about_client_certificate(const Failure& f) {
    return fmt::format("{} port {} hung up after the TLS handshake; {}", f.host, f.port,
                       f.client_certificate ? "does it accept the certificate in `client_crt`?"
                                            : "does it ask for a client certificate (`client_crt`)?");
}

std::optional<std::string> about_tls(const Failure& f) {
    if (f.error->domain != G_TLS_ERROR) return std::nullopt;
    switch (f.error->code) {
        case G_TLS_ERROR_BAD_CERTIFICATE:
            return about_certificate(f);
        case G_TLS_ERROR_CERTIFICATE_REQUIRED:
            return f.client_certificate
                       ? fmt::format("{} does not accept the certificate in `client_crt`", f.host)
                       : fmt::format("{} asks for a client certificate: set `client_crt` and `client_pem`", f.host);
        case G_TLS_ERROR_NOT_TLS:
            return fmt::format("{} port {} does not speak TLS; is `url` to start with ws:// instead of wss://?", f.host,
                               f.port);
        default:
            if (f.secured) return about_client_certificate(f);
            // GnuTLS has no code of its own for an answer that is no TLS at all.
            return fmt::format("TLS with {} port {} failed ({}); if it does not speak TLS, `url` starts with ws://",
                               f.host, f.port, f.error->message);
    }
}

}  // namespace

std::string explain(const Failure& f) {
    const std::string subject = fmt::format("{} port {}", f.host, f.port);
    if (f.error == nullptr) return fmt::format("{} cannot be reached", subject);
    if (f.error->domain == G_RESOLVER_ERROR)
        return is(f.error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_TEMPORARY_FAILURE)
                   ? fmt::format("the name {} cannot be looked up at the moment; is the network up?", f.host)
                   : fmt::format("no host is known by the name {}", f.host);
    if (f.tls_flags != 0) return about_certificate(f);
    if (auto text = about_tls(f)) return *text;
    if (is(f.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
        return fmt::format("{} refused the connection; does the config server run there?", subject);
    if (is(f.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        return fmt::format("{} did not answer in time; is a firewall in between?", subject);
    if (is(f.error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE) || is(f.error, G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE))
        return fmt::format("there is no way to {}; is the network up?", f.host);
    if (f.http_status != 0 && f.http_status != SOUP_STATUS_SWITCHING_PROTOCOLS) return about_handshake(f);
    if (f.error->domain == SOUP_WEBSOCKET_ERROR)
        return fmt::format("{} did not complete the websocket handshake: {}", subject, f.error->message);
    const bool hung_up =
        is(f.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) || is(f.error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
    if (hung_up && f.secured) return about_client_certificate(f);
    if (hung_up)
        return fmt::format("{} hung up in the handshake; is it a config server, and `url` rightly {}?", subject,
                           f.url.starts_with("wss") ? "wss:// and not ws://" : "ws:// and not wss://");
    return fmt::format("{}: {}", subject, f.error->message);
}

std::string explain_loss(const GError& error) {
    if (is(&error, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED))
        return "the server asks for another client certificate than `client_crt` gives";
    if (is(&error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)) return "the connection to the server broke";
    return fmt::format("the connection to the server failed: {}", error.message);
}

}  // namespace matriz::control

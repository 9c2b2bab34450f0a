// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include <string>

namespace matriz::control {

/// What is known about a failed attempt to connect.
struct Failure {
    std::string url{};
    std::string host{};
    int port = 0;
    std::string path{};
    std::string ca_crt{};             ///< the configured CA file; empty: those of the system
    bool secured = false;             ///< TLS stood, as far as this side can tell
    bool client_certificate = false;  ///< one was offered
    const GError* error = nullptr;
    unsigned http_status = 0;                                               ///< 0: no HTTP answer
    GTlsCertificateFlags tls_flags = static_cast<GTlsCertificateFlags>(0);  ///< what was wrong with the certificate
    std::string valid_from{};                                               ///< of the server's certificate
    std::string valid_until{};
};

/// A sentence that says what failed and what a user can do about it. Pure.
std::string explain(const Failure& failure);

/// What went wrong on a connection that was open.
std::string explain_loss(const GError& error);

}  // namespace matriz::control

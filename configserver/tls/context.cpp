// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/tls/context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <sys/stat.h>

#include <ctime>
#include <utility>

#include "common/base/error.hpp"
#include "configserver/tls/stream.hpp"

namespace matriz::tls {
namespace {

using settings::ClientCerts;

constexpr auto look_interval = std::chrono::seconds(2);
constexpr auto warn_before_end = std::chrono::hours(24 * 7);

std::string openssl_error() {
    char text[256] = "unknown error";
    const unsigned long code = ERR_get_error();
    if (code != 0) ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return text;
}

void ask_for_client_certificates(SSL_CTX* context, const Files& files) {
    if (files.client_certs == ClientCerts::off) return;
    if (SSL_CTX_load_verify_locations(context, files.client_ca.c_str(), nullptr) != 1)
        throw Error("ca_crt {}: {}", files.client_ca, openssl_error());
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.client_ca.c_str()));
    const int missing = files.client_certs == ClientCerts::require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | missing, nullptr);
}

std::shared_ptr<SSL_CTX> make_context(const Files& files) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) throw Error("TLS cannot be used: {}", openssl_error());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Connections last for hours: resuming would save little, and a resumed one would not show its certificate again.
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context.get(), 0);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
        throw Error("tls_crt {}: {}", files.certificate, openssl_error());
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH)
            throw Error("tls_key {} is not the key of tls_crt {}", files.key, files.certificate);
        throw Error("tls_key {}: {}", files.key, openssl_error());
    }
    ask_for_client_certificates(context.get(), files);
    return context;
}

std::chrono::system_clock::time_point end_of_certificate(SSL_CTX* context) {
    const X509* certificate = SSL_CTX_get0_certificate(context);
    std::tm when{};
    if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) return {};
    return std::chrono::system_clock::from_time_t(timegm(&when));
}

}  // namespace

bool Context::Stamp::operator==(const Stamp& other) const noexcept {
    return path == other.path && inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
}

Context::Context(Files files) {
    reload(std::move(files));
    watcher_ = glib::Source::every(look_interval, [this] { look_for_changes(); });
    daily_ = glib::Source::every(std::chrono::hours(24), [this] { warn_if_ending(); });
}

Context::~Context() = default;

void Context::reload(Files files) {
    // Before the files are read: what changes between the two is noticed, and read again.
    auto seen = stamps(files);
    auto context = make_context(files);
    files_ = std::move(files);
    context_ = std::move(context);
    expires_ = end_of_certificate(context_.get());
    seen_ = std::move(seen);
    warn_if_ending();
}

std::unique_ptr<net::Stream> Context::wrap(net::Fd socket) const {
    return std::make_unique<TlsStream>(context_.get(), std::move(socket));
}

std::vector<Context::Stamp> Context::stamps(const Files& files) {
    std::vector<Stamp> stamps;
    for (const std::string& path : {files.certificate, files.key, files.client_ca}) {
        struct stat info {};  // of what a symbolic link points to: that is how certbot changes it
        if (path.empty() || ::stat(path.c_str(), &info) != 0) continue;
        stamps.push_back({path, info.st_ino, info.st_size, info.st_mtim});
    }
    return stamps;
}

void Context::look_for_changes() {
    auto now = stamps(files_);
    if (now == seen_) return;
    try {
        reload(files_);
        log_.info("the certificate was renewed; new connections get it");
    } catch (const std::exception& error) {
        // Half way through a renewal the certificate and the key do not match; the other file will follow.
        log_.warning("the changed certificate is not taken, the old one stays: {}", error.what());
        seen_ = std::move(now);
    }
}

void Context::warn_if_ending() const {
    const auto left = expires_ - std::chrono::system_clock::now();
    if (left < std::chrono::seconds(0))
        log_.error("the certificate {} has expired; clients will refuse it: renew it", files_.certificate);
    else if (left < warn_before_end)
        log_.warning("the certificate {} expires in {} hours; renew it", files_.certificate,
                     std::chrono::duration_cast<std::chrono::hours>(left).count());
}

}  // namespace matriz::tls

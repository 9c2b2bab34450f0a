// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/tls/stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <utility>

#include "common/base/error.hpp"

namespace matriz::tls {

using net::IoResult;
using net::IoStatus;

void TlsStream::Free::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsStream::TlsStream(ssl_ctx_st* context, net::Fd socket) : socket_(std::move(socket)), ssl_(SSL_new(context)) {
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1) throw Error("no memory for a TLS connection");
    SSL_set_accept_state(ssl_.get());
}

IoResult TlsStream::result(int outcome, std::size_t bytes) noexcept {
    if (outcome > 0) return {IoStatus::done, bytes};
    const int error = SSL_get_error(ssl_.get(), outcome);
    ERR_clear_error();
    switch (error) {
        case SSL_ERROR_WANT_READ:
            return {IoStatus::want_read, 0};
        case SSL_ERROR_WANT_WRITE:
            return {IoStatus::want_write, 0};
        case SSL_ERROR_ZERO_RETURN:
            return {IoStatus::closed, 0};
        default:
            broken_ = true;
            return {IoStatus::failed, 0};
    }
}

IoResult TlsStream::handshake() noexcept {
    ERR_clear_error();
    return result(SSL_do_handshake(ssl_.get()), 0);
}

IoResult TlsStream::read(char* out, std::size_t size) noexcept {
    if (broken_) return {IoStatus::failed, 0};
    ERR_clear_error();
    std::size_t bytes = 0;
    const int outcome = SSL_read_ex(ssl_.get(), out, size, &bytes);
    return result(outcome, bytes);
}

IoResult TlsStream::write(const char* data, std::size_t size) noexcept {
    if (broken_) return {IoStatus::failed, 0};
    if (size == 0) return {IoStatus::done, 0};
    ERR_clear_error();
    std::size_t bytes = 0;
    const int outcome = SSL_write_ex(ssl_.get(), data, size, &bytes);
    return result(outcome, bytes);
}

bool TlsStream::has_buffered() const noexcept { return !broken_ && SSL_pending(ssl_.get()) > 0; }

void TlsStream::finish() noexcept {
    if (!broken_ && SSL_is_init_finished(ssl_.get()) != 0) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    ::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace matriz::tls

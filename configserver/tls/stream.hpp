// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "configserver/net/stream.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace matriz::tls {

/// The server's side of a TLS connection over a non-blocking socket. Main thread.
class TlsStream final : public net::Stream {
  public:
    /// Throws Error when there is no memory.
    TlsStream(ssl_ctx_st* context, net::Fd socket);

    net::IoResult handshake() noexcept override;
    net::IoResult read(char* out, std::size_t size) noexcept override;
    net::IoResult write(const char* data, std::size_t size) noexcept override;
    bool has_buffered() const noexcept override;
    void finish() noexcept override;
    int fd() const noexcept override { return socket_.get(); }
    bool encrypted() const noexcept override { return true; }

  private:
    struct Free {
        void operator()(ssl_st* ssl) const noexcept;
    };
    net::IoResult result(int outcome, std::size_t bytes) noexcept;

    net::Fd socket_;
    std::unique_ptr<ssl_st, Free> ssl_;
    bool broken_ = false;  ///< after a fatal error OpenSSL must not be called again, not even to say goodbye
};

}  // namespace matriz::tls

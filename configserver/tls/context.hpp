// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "configserver/net/stream.hpp"
#include "configserver/settings/settings.hpp"

struct ssl_ctx_st;

namespace matriz::tls {

struct Files {
    std::string certificate;  ///< PEM, with its chain
    std::string key;
    std::string client_ca;  ///< PEM; empty when no client certificates are asked for
    settings::ClientCerts client_certs = settings::ClientCerts::off;
    bool operator==(const Files&) const = default;
};

/// The server's certificate and what it asks of clients. Connections keep what they began with; new ones get the
/// newest. Main thread.
class Context {
  public:
    /// Throws Error when the files cannot be read or do not fit one another.
    explicit Context(Files files);
    ~Context();

    /// Takes the connection over; its handshake is still to be done.
    std::unique_ptr<net::Stream> wrap(net::Fd socket) const;

    /// Reads the files again. Throws Error; the old certificate then stays in use.
    void reload(Files files);
    /// The time the certificate in use ends.
    std::chrono::system_clock::time_point expires() const noexcept { return expires_; }

  private:
    struct Stamp {
        std::string path;
        ino_t inode = 0;
        off_t size = 0;
        timespec changed{};
        bool operator==(const Stamp& other) const noexcept;
    };
    static std::vector<Stamp> stamps(const Files& files);
    void look_for_changes();
    void warn_if_ending() const;

    Files files_;
    std::shared_ptr<ssl_ctx_st> context_;
    std::chrono::system_clock::time_point expires_;
    std::vector<Stamp> seen_;
    log::Logger log_{"tls"};
    glib::Source watcher_;
    glib::Source daily_;
};

}  // namespace matriz::tls

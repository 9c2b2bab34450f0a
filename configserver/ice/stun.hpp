// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/log.hpp"
#include "configserver/net/address.hpp"
#include "configserver/net/fd.hpp"
#include "configserver/net/reactor.hpp"

/// STUN (RFC 8489), as much of it as a node needs to learn the address at which the world sees it: Binding requests
/// without authentication.
namespace matriz::ice {

inline constexpr std::size_t stun_header = 20;         ///< bytes
inline constexpr std::size_t max_stun_request = 1472;  ///< a whole packet of 1500: `matrizctl doctor` asks what passes
inline constexpr std::size_t max_stun_answer = 64;

/// The answer to `request`, which came from `from`: its success response, or an error response where the request asks
/// for something that is not known here. Empty for whatever is no Binding request: that gets no answer. Never much
/// longer than the request, so that nobody can use it to amplify an attack. Pure.
std::vector<std::uint8_t> answer_binding(std::span<const std::uint8_t> request, const net::IpAddress& from,
                                         std::uint16_t port);

/// Answers Binding requests on a UDP port. Main thread.
class StunServer final : private net::Reactor::Handler {
  public:
    /// Throws Error when the port cannot be had.
    StunServer(net::Reactor& reactor, const net::HostPort& where);
    StunServer(const StunServer&) = delete;
    StunServer& operator=(const StunServer&) = delete;
    ~StunServer();

    const net::HostPort& bound() const noexcept { return bound_; }
    std::uint64_t answered() const noexcept { return answered_; }

  private:
    void on_ready(std::uint32_t events) noexcept override;

    net::Reactor& reactor_;
    net::HostPort bound_;
    net::Fd socket_;
    net::Reactor::Watch watch_;
    std::uint64_t answered_ = 0;
};

}  // namespace matriz::ice

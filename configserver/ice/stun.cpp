// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/ice/stun.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "common/base/error.hpp"

namespace matriz::ice {
namespace {

constexpr std::uint16_t binding_request = 0x0001;
constexpr std::uint16_t binding_success = 0x0101;
constexpr std::uint16_t binding_error = 0x0111;
constexpr std::array<std::uint8_t, 4> magic_cookie{0x21, 0x12, 0xa4, 0x42};
constexpr std::uint16_t xor_mapped_address = 0x0020;
constexpr std::uint16_t error_code = 0x0009;
constexpr std::uint16_t unknown_attributes = 0x000a;
constexpr std::uint16_t first_optional = 0x8000;  // attributes from here on may be passed over
// What agents send for the sake of authentication, which there is none of here.
constexpr std::array<std::uint16_t, 4> understood{0x0006, 0x0008, 0x001c, 0x0024};
constexpr std::size_t max_unknown = 4;  // named in an error, at the most
constexpr int packets_a_turn = 64;

std::uint16_t u16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void put(std::vector<std::uint8_t>& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

/// A response to the request whose header this is, with these attributes.
std::vector<std::uint8_t> response(std::uint16_t type, std::span<const std::uint8_t> request,
                                   const std::vector<std::uint8_t>& attributes) {
    std::vector<std::uint8_t> out;
    put(out, type);
    put(out, static_cast<std::uint16_t>(attributes.size()));
    out.insert(out.end(), request.begin() + 4, request.begin() + stun_header);  // cookie and transaction
    out.insert(out.end(), attributes.begin(), attributes.end());
    return out;
}

/// RFC 8489, 14.2: the address under the cookie and the transaction, so that no router rewrites it.
std::vector<std::uint8_t> mapped(std::span<const std::uint8_t> request, const net::IpAddress& from,
                                 std::uint16_t port) {
    constexpr std::size_t v4_at = 12;  // within the IPv6-mapped form
    const std::span<const std::uint8_t> all(from.bytes());
    const auto address = from.is_v4() ? all.subspan(v4_at) : all;
    std::vector<std::uint8_t> out;
    put(out, xor_mapped_address);
    put(out, static_cast<std::uint16_t>(4 + address.size()));
    put(out, from.is_v4() ? 1 : 2);
    put(out, static_cast<std::uint16_t>(port ^ u16(request, 4)));
    for (std::size_t i = 0; i < address.size(); ++i)
        out.push_back(static_cast<std::uint8_t>(address[i] ^ request[4 + i]));
    return out;
}

std::vector<std::uint8_t> refusal(const std::vector<std::uint16_t>& unknown) {
    std::vector<std::uint8_t> out;
    put(out, error_code);
    put(out, 4);
    put(out, 0);
    put(out, 4 << 8 | 20);  // 420 Unknown Attribute
    put(out, unknown_attributes);
    put(out, static_cast<std::uint16_t>(2 * unknown.size()));
    for (const std::uint16_t type : unknown) put(out, type);
    if (unknown.size() % 2 != 0) put(out, 0);  // to a multiple of four
    return out;
}

}  // namespace

std::vector<std::uint8_t> answer_binding(std::span<const std::uint8_t> request, const net::IpAddress& from,
                                         std::uint16_t port) {
    if (request.size() < stun_header || request.size() > max_stun_request || u16(request, 0) != binding_request ||
        u16(request, 2) != request.size() - stun_header || request.size() % 4 != 0 ||
        !std::equal(magic_cookie.begin(), magic_cookie.end(), request.begin() + 4))
        return {};
    std::vector<std::uint16_t> unknown;
    for (std::size_t at = stun_header; at < request.size();) {
        if (request.size() - at < 4) return {};
        const std::uint16_t type = u16(request, at);
        const std::size_t length = (u16(request, at + 2) + 3U) & ~std::size_t{3};
        if (length > request.size() - at - 4) return {};
        if (type < first_optional && std::find(understood.begin(), understood.end(), type) == understood.end() &&
            unknown.size() < max_unknown)
            unknown.push_back(type);
        at += 4 + length;
    }
    return unknown.empty() ? response(binding_success, request, mapped(request, from, port))
                           : response(binding_error, request, refusal(unknown));
}

StunServer::StunServer(net::Reactor& reactor, const net::HostPort& where) : reactor_(reactor), bound_(where) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string text = std::to_string(where.port);
    if (const int error = getaddrinfo(where.host.c_str(), text.c_str(), &hints, &found); error != 0)
        throw Error("no STUN at {}: {}", where.to_string(), gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    socket_ = net::Fd(::socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int off = 0;  // "::" takes IPv4, too
    if (found->ai_family == AF_INET6) setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (!socket_ || ::bind(socket_.get(), found->ai_addr, found->ai_addrlen) != 0)
        throw Error("no STUN at UDP {}: {}", where.to_string(), std::strerror(errno));
    sockaddr_storage real{};
    socklen_t length = sizeof real;
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&real), &length);
    bound_.port = ntohs(real.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&real)->sin6_port
                                                   : reinterpret_cast<sockaddr_in*>(&real)->sin_port);
    watch_ = reactor_.add(socket_.get(), EPOLLIN, *this);
}

StunServer::~StunServer() { reactor_.remove(watch_, socket_.get()); }

void StunServer::on_ready(std::uint32_t) noexcept {
    for (int i = 0; i < packets_a_turn; ++i) {
        std::array<std::uint8_t, max_stun_request + 1> packet;  // one more, to tell longer ones
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        const ssize_t size = recvfrom(socket_.get(), packet.data(), packet.size(), 0, address, &length);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return;
        const auto from = net::IpAddress::from(address);
        if (!from) continue;
        const std::uint16_t port =
            ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                                : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
        const auto answer = answer_binding({packet.data(), static_cast<std::size_t>(size)}, *from, port);
        // A full socket buffer loses the answer; whoever asked asks again.
        if (!answer.empty() && sendto(socket_.get(), answer.data(), answer.size(), 0, address, length) > 0) ++answered_;
    }
}

}  // namespace matriz::ice

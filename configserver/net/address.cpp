// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace matriz::net {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <class T>
std::optional<T> number(std::string_view text, T highest) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > highest) return std::nullopt;
    return value;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string terminated(text);
    IpAddress address;
    if (in_addr four{}; inet_pton(AF_INET, terminated.c_str(), &four) == 1) {
        std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes_.begin());
        std::memcpy(address.bytes_.data() + 12, &four, 4);
        return address;
    }
    if (in6_addr six{}; inet_pton(AF_INET6, terminated.c_str(), &six) == 1) {
        std::memcpy(address.bytes_.data(), &six, 16);
        return address;
    }
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::from(const sockaddr* address) {
    IpAddress result;
    if (address->sa_family == AF_INET) {
        std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin());
        std::memcpy(result.bytes_.data() + 12, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
        return result;
    }
    if (address->sa_family == AF_INET6) {
        std::memcpy(result.bytes_.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
        return result;
    }
    return std::nullopt;
}

bool IpAddress::is_v4() const noexcept {
    return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin());
}

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return bytes_[12] == 127;
    return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; }) && bytes_[15] == 1;
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_v4())
        inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof text);
    else
        inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
    return text;
}

socklen_t IpAddress::to_sockaddr(std::uint16_t port, sockaddr_storage& storage) const noexcept {
    storage = {};
    if (is_v4()) {
        auto* four = reinterpret_cast<sockaddr_in*>(&storage);
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        std::memcpy(&four->sin_addr, bytes_.data() + 12, 4);
        return sizeof *four;
    }
    auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    std::memcpy(&six->sin6_addr, bytes_.data(), 16);
    return sizeof *six;
}

IpAddress IpAddress::limit_group() const noexcept {
    IpAddress group = *this;
    if (!is_v4()) std::fill(group.bytes_.begin() + 8, group.bytes_.end(), std::uint8_t{0});
    return group;
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto base = IpAddress::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    Network network;
    network.base_ = *base;
    if (slash == std::string_view::npos) return network;
    const auto bits = number<unsigned>(text.substr(slash + 1), base->is_v4() ? 32 : 128);
    if (!bits) return std::nullopt;
    network.bits_ = base->is_v4() ? *bits + 96 : *bits;
    return network;
}

bool Network::contains(const IpAddress& address) const noexcept {
    const unsigned whole = bits_ / 8;
    if (!std::equal(base_.bytes().begin(), base_.bytes().begin() + whole, address.bytes().begin())) return false;
    const unsigned rest = bits_ % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return (base_.bytes()[whole] & mask) == (address.bytes()[whole] & mask);
}

std::optional<HostPort> HostPort::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.back() != ']' || host.size() < 3) return std::nullopt;
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return std::nullopt;  // an IPv6 address without brackets: where the port begins would be a guess
    }
    const auto port = number<std::uint16_t>(text.substr(colon + 1), 65535);
    if (!port) return std::nullopt;
    return HostPort{std::string(host), *port};
}

std::string HostPort::to_string() const {
    const bool bracket = host.find(':') != std::string::npos;
    return (bracket ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace matriz::net

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace matriz::net {

/// An IPv4 or IPv6 address. IPv4 is kept in its IPv6-mapped form, so that one client is one address whichever kind of
/// socket it came through. Any thread.
class IpAddress {
  public:
    IpAddress() = default;
    /// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing for anything else (no names, no ports).
    static std::optional<IpAddress> parse(std::string_view text);
    static std::optional<IpAddress> from(const sockaddr* address);

    bool is_v4() const noexcept;
    bool is_loopback() const noexcept;
    /// IPv4 in dotted form, IPv6 without brackets.
    std::string to_string() const;
    /// Fills `storage` for connect(); returns its length.
    socklen_t to_sockaddr(std::uint16_t port, sockaddr_storage& storage) const noexcept;
    const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    /// The address limits count by: an IPv6 client owns a whole /64, so all of it is one.
    IpAddress limit_group() const noexcept;
    auto operator<=>(const IpAddress&) const = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
};

/// "192.0.2.0/24", "2001:db8::/32", or one address.
class Network {
  public:
    static std::optional<Network> parse(std::string_view text);
    bool contains(const IpAddress& address) const noexcept;

  private:
    IpAddress base_;
    unsigned bits_ = 128;
};

/// "127.0.0.1:5000", "[::]:5000", "localhost:5000". The host may be a name.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
    static std::optional<HostPort> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(const HostPort&) const = default;
};

}  // namespace matriz::net

template <>
struct std::hash<matriz::net::IpAddress> {
    std::size_t operator()(const matriz::net::IpAddress& address) const noexcept {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
    }
};

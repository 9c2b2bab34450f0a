// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses as a stranger's X-Forwarded-For has them, and as a config has networks and places to listen at.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "configserver/http/forwarded.hpp"
#include "configserver/net/address.hpp"

namespace {

using namespace matriz;

void check(bool holds) {
    if (!holds) std::abort();
}

void as_address(std::string_view text) {
    const auto address = net::IpAddress::parse(text);
    if (!address) return;
    check(net::IpAddress::parse(address->to_string()) == address);
    check(address->limit_group().limit_group() == address->limit_group());
    sockaddr_storage storage{};
    address->to_sockaddr(1, storage);
    check(net::IpAddress::from(reinterpret_cast<const sockaddr*>(&storage)) == address);
    check(net::Network::parse(text).value().contains(*address));
}

void as_network(std::string_view text) {
    const auto network = net::Network::parse(text);
    if (!network) return;
    const auto base = net::IpAddress::parse(text.substr(0, text.find('/'))).value();
    check(network->contains(base));
    // Both ends of all there is are in a network of no bits alone.
    const auto first = net::IpAddress::parse(base.is_v4() ? "0.0.0.0" : "::").value();
    const auto last = net::IpAddress::parse(base.is_v4() ? "255.255.255.255" : "ffff::").value();
    const auto slash = text.find('/');
    const bool all =
        slash != std::string_view::npos && text.find_first_not_of('0', slash + 1) == std::string_view::npos;
    check((network->contains(first) && network->contains(last)) == all);
}

void as_host_and_port(std::string_view text) {
    const auto where = net::HostPort::parse(text);
    // No host's name has brackets: what such a text means is the resolver's to refuse.
    if (where && where->host.find_first_of("[]") == std::string::npos)
        check(net::HostPort::parse(where->to_string()) == where);
}

void as_forwarded(std::string_view list) {
    const auto socket = net::IpAddress::parse("127.0.0.1").value();
    const std::vector<net::Network> trusted{net::Network::parse("127.0.0.1").value(),
                                            net::Network::parse("10.0.0.0/8").value()};
    const auto from = http::forwarded_from(socket, list, trusted);
    const std::string text(list);
    // One more proxy of ours changes nothing.
    const auto proxy = net::IpAddress::parse("10.9.8.7").value();
    check(http::forwarded_from(socket, text + ", " + proxy.to_string(), trusted) ==
          http::forwarded_from(proxy, list, trusted));
    // Once somebody is found who is no proxy of ours, nothing that this one writes in front matters.
    if (!http::is_in(trusted, from)) check(http::forwarded_from(socket, "192.0.2.66, " + text, trusted) == from);
    // And a proxy that appends whom it saw is believed, whatever stood there before.
    const auto seen = net::IpAddress::parse("203.0.113.7").value();
    check(http::forwarded_from(socket, text + ", " + seen.to_string(), trusted) == seen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    as_address(text);
    as_network(text);
    as_host_and_port(text);
    as_forwarded(text);
    return 0;
}

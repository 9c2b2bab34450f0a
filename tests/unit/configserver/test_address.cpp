// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/net/address.hpp"

namespace matriz::net {
namespace {

TEST(IpAddress, ReadsAndWrites) {
    for (const char* text : {"192.0.2.1", "2001:db8::7", "::1", "::"})
        EXPECT_EQ(IpAddress::parse(text)->to_string(), text);
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->to_string(), "192.0.2.1");
    for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "localhost", "1.2.3.4:5", "[::1]", "1.2.3.4 "})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(IpAddress, KnowsLoopback) {
    for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
        EXPECT_TRUE(IpAddress::parse(text)->is_loopback()) << text;
    for (const char* text : {"128.0.0.1", "::", "::2", "2001::1"})
        EXPECT_FALSE(IpAddress::parse(text)->is_loopback()) << text;
}

TEST(IpAddress, LimitsCountWholeNetworksOfIpv6) {
    EXPECT_EQ(IpAddress::parse("2001:db8:0:1::5")->limit_group(),
              IpAddress::parse("2001:db8:0:1:ffff::")->limit_group());
    EXPECT_NE(IpAddress::parse("2001:db8:0:1::5")->limit_group(), IpAddress::parse("2001:db8:0:2::5")->limit_group());
    EXPECT_NE(IpAddress::parse("192.0.2.1")->limit_group(), IpAddress::parse("192.0.2.2")->limit_group());
}

TEST(Network, Contains) {
    const auto holds = [](const char* network, const char* address) {
        return Network::parse(network)->contains(*IpAddress::parse(address));
    };
    EXPECT_TRUE(holds("10.0.0.0/8", "10.255.1.2"));
    EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(holds("192.0.2.128/25", "192.0.2.200"));
    EXPECT_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(holds("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(holds("192.0.2.1", "192.0.2.2"));
    EXPECT_TRUE(holds("0.0.0.0/0", "1.2.3.4"));
    EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(holds("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
    for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "x/8", "10.0.0.0/8x"})
        EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(HostPort, ReadsAndWrites) {
    EXPECT_EQ(HostPort::parse("127.0.0.1:5000"), (HostPort{"127.0.0.1", 5000}));
    EXPECT_EQ(HostPort::parse("[::]:0"), (HostPort{"::", 0}));
    EXPECT_EQ(HostPort::parse("example.org:65535")->to_string(), "example.org:65535");
    EXPECT_EQ((HostPort{"::1", 5}).to_string(), "[::1]:5");
    for (const char* text : {"", "5000", ":5000", "a:", "a:65536", "a:-1", "a:5x", "::1:5000", "[]:5", "[::1:5"})
        EXPECT_FALSE(HostPort::parse(text)) << text;
}

}  // namespace
}  // namespace matriz::net

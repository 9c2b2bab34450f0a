// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/network/host.hpp"

#include <gtest/gtest.h>

namespace matriz::network {
namespace {

TEST(CleanAddress, UsualSpelling) {
    EXPECT_EQ(clean_address("10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(clean_address("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(clean_address("2001:DB8:0:0::1"), "2001:db8::1");
    EXPECT_EQ(clean_address("[::1]"), "::1");
    EXPECT_EQ(clean_address("fe80::1%eth0"), "fe80::1%eth0");
}

TEST(CleanAddress, AnIPv4PeerSeenByASocketForBothFamiliesIsThatPeer) {
    EXPECT_EQ(clean_address("::ffff:192.168.1.7"), "192.168.1.7");
    EXPECT_EQ(clean_address("::FFFF:c0a8:107"), "192.168.1.7");
}

TEST(CleanAddress, WhatNoNodeCanHaveIsNothing) {
    using namespace std::string_view_literals;
    for (const auto text : {""sv,
                            " "sv,
                            "0.0.0.0"sv,
                            "::"sv,
                            "224.0.0.1"sv,
                            "ff02::1"sv,
                            "255.255.255.255"sv,
                            "localhost"sv,
                            "10.0.0"sv,
                            "10.0.0.1:8554"sv,
                            "10.0.0.1/stream"sv,
                            "10.0.0.1 "sv,
                            "10.0.0.1\0.evil"sv,
                            "user@10.0.0.1"sv,
                            "[10.0.0.1"sv,
                            "fe80::1%"sv,
                            "fe80::1%et/h0"sv,
                            "fe80::1%0123456789abcdef"sv,
                            "10.0.0.1%eth0"sv,
                            "%eth0"sv,
                            "::1]"sv,
                            "1:2:3:4:5:6:7:8:9"sv,
                            "::ffff:0.0.0.0"sv,
                            "::ffff:224.0.0.1"sv})
        EXPECT_EQ(clean_address(text), std::nullopt) << text;
    EXPECT_EQ(clean_address(std::string(100'000, '1')), std::nullopt);
}

TEST(HostName, ByRfc1123) {
    for (const char* text :
         {"porto", "porto.example.org", "porto.example.org.", "a-b.c", "4u.example", "xn--vora-9na.pt"})
        EXPECT_TRUE(is_host_name(text)) << text;
    for (const char* text :
         {"", ".", "a..b", "-a", "a-", "a b", "a/b", "a:b", "a@b", "1.2.3", "10.0.0.300", "0x7f.1", "évora.pt", "a\nb"})
        EXPECT_FALSE(is_host_name(text)) << text;
    EXPECT_TRUE(is_host_name(std::string(63, 'a')));
    EXPECT_FALSE(is_host_name(std::string(64, 'a')));
    std::string longest;
    while (longest.size() < 250) longest += "abc.";
    EXPECT_FALSE(is_host_name(longest + "abc.abc"));
}

TEST(Bracketed, IPv6Alone) {
    EXPECT_EQ(bracketed("::1"), "[::1]");
    EXPECT_EQ(bracketed("porto"), "porto");
}

}  // namespace
}  // namespace matriz::network

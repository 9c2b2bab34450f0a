// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <string>

#include "node/status/guard.hpp"

namespace matriz::status {
namespace {

TEST(Guard, AddressesAndLocalhostAreAnswered) {
    for (const char* host : {"127.0.0.1", "127.0.0.1:8555", "localhost", "localhost:8555", "[::1]", "[::1]:8555",
                             "192.168.1.7:8555", "127.9.9.9:1"})
        EXPECT_TRUE(is_allowed(host, "")) << host;
}

TEST(Guard, NamesOfStrangersAreNot) {
    for (const std::string host :
         {"", "evil.example", "evil.example:8555", "localhost.evil.example", "127.0.0.1.nip.io",
          "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:123456", "[::1", "[]", "[::1]x", "[evil]", "::1", "localhost:8555:1",
          "LOCALHOST.", "127.0.0.1 evil.example", "evil@127.0.0.1"})
        EXPECT_FALSE(is_allowed(host, "")) << host;
    EXPECT_FALSE(is_allowed(std::string(100'000, '1'), ""));
    EXPECT_FALSE(is_allowed(std::string("127.0.0.1\0x", 11), ""));
}

TEST(Guard, PagesFromElsewhereAreNotAnswered) {
    EXPECT_TRUE(is_allowed("127.0.0.1:8555", "http://127.0.0.1:8555"));
    for (const char* origin :
         {"http://evil.example", "https://127.0.0.1:8555", "null", "file://", "http://localhost:8555",
          "http://127.0.0.1:9999", "http://127.0.0.1:8555.evil.example", "127.0.0.1:8555"})
        EXPECT_FALSE(is_allowed("127.0.0.1:8555", origin)) << origin;
}

TEST(Guard, ChangesComeFromAProgramHere) {
    EXPECT_TRUE(may_change(true, "", "1"));
    EXPECT_FALSE(may_change(false, "", "1"));
    EXPECT_FALSE(may_change(true, "http://localhost", "1"));
    EXPECT_FALSE(may_change(true, "", ""));
}

}  // namespace
}  // namespace matriz::status

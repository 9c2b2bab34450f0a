// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/ice/ice.hpp"

#include <gtest/gtest.h>

#include "common/config/document.hpp"

namespace matriz::ice {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

std::vector<settings::IceServer> configured(const std::string& list, config::Problems& warnings) {
    return settings::schema()
        .load(config::Document::parse(R"({"ice_servers":)" + list + "}", "clients.json"), warnings)
        .ice_servers;
}

std::vector<settings::IceServer> configured(const std::string& list) {
    config::Problems warnings;
    return configured(list, warnings);
}

std::string error_of(const std::string& list) {
    try {
        configured(list);
    } catch (const config::ConfigError& error) {
        return error.what();
    }
    return "no error";
}

/// printf 1700000000:porto | openssl dgst -sha1 -hmac north -binary | base64
TEST(Ice, CredentialIsWhatCoturnExpects) {
    const auto made = make_credential("north", "porto", system_clock::from_time_t(1'700'000'000));
    EXPECT_EQ(made.username, "1700000000:porto");
    EXPECT_EQ(made.password, "sU/eo11UoePTpBUYjWdbK4vL2eM=");
}

TEST(Ice, EachNodeGetsItsOwn) {
    Servers servers;
    const auto list = configured(R"([{"urls":["stun:a.example"]},
        {"urls":["turn:b.example"],"username":"u","credential":"c"},
        {"urls":["turn:c.example"],"secret":"north","ttl":100}])");
    EXPECT_TRUE(servers.configure(list));
    EXPECT_FALSE(servers.configure(list));
    const auto now = system_clock::from_time_t(1'699'999'900);
    const auto told = servers.of("porto", now);
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0], (protocol::IceServer{.urls = {"stun:a.example"}}));
    EXPECT_EQ(told[1], (protocol::IceServer{.urls = {"turn:b.example"}, .username = "u", .credential = "c"}));
    EXPECT_EQ(told[2].username, "1700000000:porto");
    EXPECT_EQ(told[2].credential, make_credential("north", "porto", now + seconds(100)).password);
    EXPECT_EQ(servers.renewal(), seconds(50));
    EXPECT_TRUE(servers.configure({}));
    EXPECT_EQ(servers.renewal(), std::nullopt);
    EXPECT_TRUE(servers.of("porto", now).empty());
}

TEST(Ice, ConfigIsChecked) {
    const std::string at = "clients.json:1: ice_servers[0]";
    EXPECT_EQ(error_of("[{}]"), at + ".urls: missing; accepted: a list of stun:, stuns:, turn: or turns: URLs");
    EXPECT_EQ(
        error_of(R"([{"urls":["http://a"]}])"),
        at + ".urls: \"http://a\" is no STUN or TURN URL; accepted: a list of stun:, stuns:, turn: or turns: URLs");
    EXPECT_EQ(error_of(R"([{"urls":["turn:a"]}])"),
              at + ".urls: a TURN server lets nobody in without username and credential, or secret");
    EXPECT_EQ(error_of(R"([{"urls":["turn:a"],"username":"u"}])"), at + ".urls: username and credential go together");
    EXPECT_EQ(error_of(R"([{"urls":["turn:a"],"username":"u","credential":"c","secret":"s"}])"),
              at + ".urls: give username and credential, or secret, not both");
    EXPECT_EQ(error_of(R"([{"urls":["turn:a"],"secret":"s","ttl":1}])"),
              at + ".ttl: 1 is out of range; accepted: an integer from 10 to 2592000");
    EXPECT_EQ(error_of(R"([{"urls":["turn:a"],"secret":7}])"),
              at + ".secret: not a string; accepted: up to 256 bytes of text");
}

TEST(Ice, WhatNodesCannotUseIsTold) {
    config::Problems warnings;
    configured(R"([{"urls":["turn:a?transport=tcp"],"secret":"s"}])", warnings);
    EXPECT_TRUE(warnings.empty());
    configured(R"([{"urls":["turn:a","turns:b:443"],"secret":"s"}])", warnings);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].key, "ice_servers[0].urls");
    EXPECT_NE(warnings[0].text.find("nodes pass over \"turns:b:443\""), std::string::npos) << warnings[0].text;
}

}  // namespace
}  // namespace matriz::ice

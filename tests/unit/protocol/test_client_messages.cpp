// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/protocol/limits.hpp"
#include "common/protocol/routes.hpp"
#include "tests/unit/protocol/malformed.hpp"

namespace matriz::protocol {
namespace {

using test::client_fault;
using test::escaped;

template <class Message>
Message as(std::string_view text) {
    ClientMessage message = decode_client_message(text);
    EXPECT_TRUE(std::holds_alternative<Message>(message)) << text << " is kind " << message.index();
    return std::holds_alternative<Message>(message) ? std::get<Message>(std::move(message)) : Message{};
}

TEST(Register, AsTheOriginalSendsIt) {
    const std::string text = R"({"register": "", "name": "porto", "key": "key2", "port": 8554})";
    const Register expected{.name = "porto", .key = "key2", .port = 8554, .version = 0};
    EXPECT_EQ(as<Register>(text), expected);
    EXPECT_EQ(as<Register>(escaped(text)), expected);
    EXPECT_EQ(as<Register>(R"({"register":"","name":"porto","key":"key2","port":"8554"})"), expected);
}

TEST(Register, OfMonitorsAndViewersHasNoPort) {
    EXPECT_EQ(as<Register>(R"({"register":"","name":"webclient"})"), (Register{.name = "webclient", .key = ""}));
    EXPECT_EQ(as<Register>(R"({"register":null,"name":null,"key":null,"port":null})"), Register{});
}

TEST(Register, GoesThereAndBack) {
    for (const Register& message :
         {Register{.name = "porto", .key = "k\"\\é", .port = 65535, .version = 3},
          Register{
              .name = "東京", .key = std::string(256, 'k'), .port = 0, .version = 0, .room = "sala", .status = true}})
        EXPECT_EQ(as<Register>(encode(message)), message);
}

TEST(Register, IdentityGoesThereAndBackInOneSpelling) {
    std::string lower(64, 'a');
    std::string clean;
    for (int i = 0; i < 32; ++i) clean += i == 0 ? "AA" : ":AA";
    const Register message{.name = "porto", .key = "k", .fingerprint = clean, .rtsp_tls = true, .rtsp_only = true};
    EXPECT_EQ(as<Register>(encode(message)), message);
    EXPECT_EQ(as<Register>(R"({"register":"","fingerprint":")" + lower + R"("})").fingerprint, clean);
    EXPECT_EQ(as<Register>(R"({"register":"","fingerprint":"","rtsp":"plain","transport":"auto"})"), Register{});
}

TEST(Register, ToAnOriginalServerHasTheOriginalsKeys) {
    EXPECT_EQ(encode(Register{.name = "porto", .key = "k", .port = 8554, .version = 0}),
              R"({"key":"k","name":"porto","port":8554,"register":""})");
}

TEST(Register, WinsOverWhateverElseIsInTheObject) {
    as<Register>(R"({"register":"","deregister":"","refresh":true,"signal":{}})");
}

TEST(Deregister, InEveryForm) {
    for (const char* text : {R"({"deregister":""})", R"({"deregister":true})", R"({"deregister":null})"}) {
        as<Deregister>(text);
        as<Deregister>(escaped(text));
    }
    as<Deregister>(encode(Deregister{}));
}

TEST(Refresh, OnlyWhenTrue) {
    as<Refresh>(R"({"refresh":true})");
    as<Refresh>(encode(Refresh{}));
    as<Broadcast>(R"({"refresh":false})");
    as<Broadcast>(R"({"refresh":1})");
}

TEST(Broadcast, IsAnyOtherObject) {
    EXPECT_EQ(as<Broadcast>(R"({"gain":3})").object["gain"], 3);
    EXPECT_TRUE(as<Broadcast>("{}").object.empty());
}

TEST(Broadcast, IsPassedOnWithTheSendersNameAndTheList) {
    const ClientList list{.message = "", .name = "lisboa", .clients = {{"lisboa", "10.0.0.2", 8554, true, 0}}};
    EXPECT_EQ(encode(as<Broadcast>(R"({"gain":3,"name":"someone else","clients":"lies","error":"x","ip":"1.2.3.4",)"
                                   R"("ice_servers":[{"urls":"turn:spy.example"}]})"),
                     list),
              R"({"gain":3,"clients":[{"ip":"10.0.0.2","name":"lisboa","port":8554,"stream":true}],"name":"lisboa"})");
    EXPECT_EQ(encode(Broadcast{Json::objectValue}, {.message = "", .name = "lisboa", .clients = {}}),
              R"({"clients":[],"name":"lisboa"})");
}

TEST(Broadcast, IsRefusedWhenItWouldBeTooLongForItsReceivers) {
    // Each is allowed on its way here, and grows when it is written again.
    std::string numbers = "0.1";
    while (numbers.size() < 60'000) numbers += ",0.1";
    EXPECT_THROW(encode(as<Broadcast>(R"({"x":")" + std::string(60'000, '\x01') + R"("})"), ClientList{}), Malformed);
    EXPECT_THROW(encode(as<Broadcast>(R"({"x":[)" + numbers + "]}"), ClientList{}), Malformed);
    EXPECT_LE(encode(as<Broadcast>(R"({"x":")" + std::string(40'000, '\x01') + R"("})"), ClientList{}).size(),
              max_message);
}

TEST(Broadcast, WhatFitsWithTheWholeListFitsWithEachPartOfIt) {
    const ClientInfo lisboa{"lisboa", "10.0.0.2", 8554, true, 0};
    const ClientList whole{.message = "", .name = "porto", .clients = {lisboa, lisboa}};
    const ClientList half{.message = "", .name = "porto", .clients = {lisboa}, .listeners = {lisboa}};
    const auto says = [](std::size_t size) {
        return Relay(as<Broadcast>(R"({"x":")" + std::string(size, 'x') + R"("})"));
    };
    std::size_t most = max_message - says(0).with(whole).size() - 64;
    while (true) {
        try {
            says(most + 1).with(whole);
        } catch (const Malformed&) {
            break;
        }
        ++most;
    }
    EXPECT_LE(says(most).with(half).size(), max_message);
    EXPECT_GT(says(most).with(half).size(), max_message - 32);
}

TEST(Broadcast, HalfASurrogatePairIsNotPassedOn) {
    EXPECT_THROW(encode(as<Broadcast>(R"({"x":"\udc00"})"), ClientList{}), Malformed);
}

TEST(Signals, GoToTheirPeer) {
    const auto signal = as<Signal>(R"({"signal":{"sdp":"v=0"},"to":"lisboa"})");
    EXPECT_EQ(signal.peer, "lisboa");
    EXPECT_EQ(signal.body["sdp"], "v=0");
    EXPECT_EQ(encode(signal, Towards::server), R"({"signal":{"sdp":"v=0"},"to":"lisboa"})");
    EXPECT_EQ(encode(signal, Towards::node), R"({"from":"lisboa","signal":{"sdp":"v=0"}})");
}

TEST(Reports, GoThereAndBackAndAreClamped) {
    Report report;
    report.links.push_back({.peer = "lisboa",
                            .delay_ms = 4.5,
                            .loss = 0.25,
                            .jitter_ms = std::nullopt,
                            .level_db = -20.0,
                            .one_way_ms = 31.5});
    const auto again = as<Report>(encode(report));
    ASSERT_EQ(again.links.size(), 1U);
    EXPECT_EQ(again.links[0].peer, "lisboa");
    EXPECT_EQ(again.links[0].delay_ms, 4.5);
    EXPECT_EQ(again.links[0].loss, 0.25);
    EXPECT_EQ(again.links[0].jitter_ms, std::nullopt);
    EXPECT_EQ(again.links[0].level_db, -20.0);
    EXPECT_EQ(again.links[0].one_way_ms, 31.5);
    EXPECT_EQ(as<Report>(R"({"report":[{"peer":"a","loss":7}]})").links[0].loss, 1.0);
    EXPECT_EQ(as<Report>(R"({"report":[{"peer":"a","delay_ms":-7}]})").links[0].delay_ms, 0.0);
}

TEST(RoutesMessage, NamesWhomEachHears) {
    const auto message = as<SetRoutes>(R"({"set_routes":{"room":"sala","hears":{"a":["b","c","b"],"b":[]}}})");
    EXPECT_EQ(message.room, "sala");
    EXPECT_EQ(message.hears, (Routes{{"a", {"b", "c"}}, {"b", {}}}));
    EXPECT_EQ(decode_routes_body(encode_routes_body(message.hears)), message.hears);
    EXPECT_EQ(as<SetRoutes>(R"({"set_routes":{"hears":null}})").hears, Routes{});
    EXPECT_EQ(decode_routes_body(encode_routes_body({})), Routes{});
}

struct Bad {
    const char* text;
    const char* fault;
};
class MalformedClientMessage : public testing::TestWithParam<Bad> {};
TEST_P(MalformedClientMessage, SaysWhy) { EXPECT_EQ(client_fault(GetParam().text), GetParam().fault); }
INSTANTIATE_TEST_SUITE_P(
    All, MalformedClientMessage,
    testing::Values(
        Bad{"", "not valid JSON"}, Bad{"{", "not valid JSON"}, Bad{"{} {}", "not valid JSON"},
        Bad{"/* */{}", "not valid JSON"}, Bad{"{'a':1}", "not valid JSON"}, Bad{"NaN", "not valid JSON"},
        Bad{"[]", "not a JSON object"}, Bad{"7", "not a JSON object"}, Bad{"null", "not a JSON object"},
        Bad{R"("text")", "not valid JSON"}, Bad{R"("7")", "not a JSON object"},
        Bad{R"("\"{}\"")", "not a JSON object"},  // escaped twice
        Bad{"{\"a\":\"\xff\"}", "not UTF-8"}, Bad{R"({"register":"","name":7})", "\"name\" is not a string"},
        Bad{R"({"register":"","name":"a\nb"})", "\"name\" has characters that are not text"},
        Bad{R"({"register":"","name":"a\u0000b"})", "\"name\" has characters that are not text"},
        Bad{R"({"register":"","name":"\ud800"})", "not valid JSON"},
        Bad{R"({"register":"","name":"\udc00"})", "\"name\" has characters that are not text"},
        Bad{R"({"register":"","key":["k"]})", "\"key\" is not a string"},
        Bad{R"({"register":"","port":-1})", "\"port\" is not from 0 to 65535"},
        Bad{R"({"register":"","port":65536})", "\"port\" is not from 0 to 65535"},
        Bad{R"({"register":"","port":"85x"})", "\"port\" is not an integer"},
        Bad{R"({"register":"","port":" 85"})", "\"port\" is not an integer"},
        Bad{R"({"register":"","port":""})", "\"port\" is not an integer"},
        Bad{R"({"register":"","port":1.5})", "\"port\" is not an integer"},
        Bad{R"({"register":"","port":1e300})", "\"port\" is not an integer"},
        Bad{R"({"register":"","port":true})", "\"port\" is not an integer"},
        Bad{R"({"register":"","matriz":-1})", "\"matriz\" is not from 0 to 1000000"},
        Bad{R"({"register":"","fingerprint":7})", "\"fingerprint\" is not a string"},
        Bad{R"({"register":"","fingerprint":"AB:CD"})", "\"fingerprint\" is not 32 pairs of hexadecimal digits"},
        Bad{R"({"register":"","rtsp":true})", "\"rtsp\" is not a string"},
        Bad{R"({"register":"","status":"yes"})", "\"status\" is neither true nor false"},
        Bad{R"({"signal":1,"to":7})", "\"to\" is not a string"}, Bad{R"({"report":{}})", "\"report\" is not a list"},
        Bad{R"({"report":[1]})", "an entry of \"report\" is not an object"},
        Bad{R"({"report":[{"loss":"much"}]})", "\"loss\" is not a number"},
        Bad{R"({"set_routes":[]})", "\"set_routes\" is not an object"},
        Bad{R"({"set_routes":{"hears":7}})", "\"hears\" is neither an object nor null"},
        Bad{R"({"set_routes":{"hears":{"a":"b"}}})", "an entry of \"hears\" is not a list of names"},
        Bad{R"({"set_routes":{"hears":{"":[]}}})", "a name in the routes is empty"},
        Bad{R"({"set_routes":{"hears":{"a":[""]}}})", "a name in the routes is empty"},
        Bad{R"({"set_routes":{"hears":{"a":[7]}}})", "\"name\" is not a string"}));

TEST(RoutesBody, WantsItsMember) {
    EXPECT_EQ(test::fault_of(decode_routes_body, "{}"), "\"hears\" is missing");
    EXPECT_EQ(test::fault_of(decode_routes_body, "[]"), "not a JSON object");
}

}  // namespace
}  // namespace matriz::protocol

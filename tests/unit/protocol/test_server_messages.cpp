// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/protocol/limits.hpp"
#include "tests/unit/protocol/malformed.hpp"

namespace matriz::protocol {
namespace {

using test::escaped;
using test::server_fault;

const ClientInfo porto{"porto", "10.0.0.1", 8554, true, 0};
const ClientInfo lisboa{"lisboa", "fe80::1", 9000, false, 2};

TEST(Reply, AsTheOriginalSendsIt) {
    const std::string text =
        R"({"name": "porto", "ip": "10.0.0.1", "port": 8554, "stream": true, "message": "Port 8554 at 10.0.0.1 is open",)"
        R"( "clients": [{"ip": "10.0.0.1", "stream": true, "name": "porto", "port": 8554}], "n_clients": 1})";
    for (const std::string& form : {text, escaped(text)}) {
        const ServerMessage message = decode_server_message(form);
        ASSERT_TRUE(message.registered);
        EXPECT_EQ(*message.registered, (Registered{.name = "porto",
                                                   .ip = "10.0.0.1",
                                                   .port = 8554,
                                                   .stream = true,
                                                   .message = "Port 8554 at 10.0.0.1 is open",
                                                   .version = 0}));
        ASSERT_TRUE(message.list);
        EXPECT_THAT(message.list->clients, testing::ElementsAre(porto));
        EXPECT_EQ(message.list->epoch, "");
    }
}

TEST(Reply, GoesThereAndBack) {
    const Registered reply{
        .name = "porto", .ip = "::1", .port = 1, .stream = false, .message = "timed out", .version = 1};
    const ClientList list{.message = "timed out",
                          .name = "porto",
                          .clients = {porto, lisboa},
                          .listeners = {lisboa},
                          .room = "sala",
                          .epoch = "1f",
                          .version = 9'007'199'254'740'993U};
    const ServerMessage message = decode_server_message(encode(reply, list));
    EXPECT_EQ(message.registered, reply);
    EXPECT_EQ(message.list, list);
}

TEST(Reply, ToAnOriginalNodeHasTheOriginalsKeys) {
    EXPECT_EQ(
        encode(Registered{.name = "porto", .ip = "10.0.0.1", .port = 8554, .stream = true, .message = "open"},
               ClientList{.message = "", .name = "", .clients = {porto}}),
        R"({"clients":[{"ip":"10.0.0.1","name":"porto","port":8554,"stream":true}],"ip":"10.0.0.1","message":"open",)"
        R"("n_clients":1,"name":"porto","port":8554,"stream":true})");
}

TEST(List, IsNoReply) {
    const ClientList list{
        .message = "[lisboa] connected to config server", .name = "lisboa", .clients = {porto, lisboa}};
    const ServerMessage message = decode_server_message(encode(list));
    EXPECT_EQ(message.list, list);
    EXPECT_FALSE(message.registered);
    EXPECT_EQ(message.message, list.message);
}

TEST(Message, WithoutAListIsOne) {
    const ServerMessage message = decode_server_message(R"({"gain":3,"message":"hello"})");
    EXPECT_FALSE(message.list);
    EXPECT_FALSE(message.registered);
    EXPECT_EQ(message.message, "hello");
    EXPECT_TRUE(decode_server_message(R"({"refresh":true})").refresh);
    EXPECT_FALSE(decode_server_message(R"({"refresh":"true"})").refresh);
    EXPECT_FALSE(decode_server_message(R"({"ip":"10.0.0.1"})").registered);
}

TEST(Refusal, SaysWhatAndWhy) {
    const ServerMessage message = decode_server_message(encode_refusal("key", "no node has this key"));
    EXPECT_EQ(message.error, "key");
    EXPECT_EQ(message.message, "no node has this key");
}

TEST(Signals, SayWhoSentThem) {
    const ServerMessage message = decode_server_message(R"({"signal":[1],"from":"lisboa"})");
    ASSERT_TRUE(message.signal);
    EXPECT_EQ(message.signal->peer, "lisboa");
    EXPECT_EQ(message.signal->body[0], 1);
}

TEST(IceServers, ComeWithTheReplyAndByThemselves) {
    const std::vector<IceServer> servers{
        {.urls = {"stun:stun.example.org"}},
        {.urls = {"turn:192.0.2.1:3478?transport=udp"}, .username = "1:porto", .credential = "c="}};
    Registered reply{.name = "porto", .ip = "::1", .port = 1, .message = "", .version = 1, .ice_servers = servers};
    EXPECT_EQ(decode_server_message(encode(reply, ClientList{})).registered, reply);
    EXPECT_EQ(decode_server_message(encode(reply, ClientList{})).ice_servers, servers);
    EXPECT_EQ(decode_server_message(encode(servers)).ice_servers, servers);
    EXPECT_EQ(encode(std::vector<IceServer>{}), R"({"ice_servers":[]})");
    reply.ice_servers.clear();
    EXPECT_EQ(decode_server_message(encode(reply, ClientList{})).ice_servers, std::vector<IceServer>{})
        << "a server that names none has none";
    EXPECT_EQ(decode_server_message(encode(ClientList{})).ice_servers, std::nullopt);
}

TEST(IceServers, OfAnotherKindAreLeftOut) {
    const auto message = decode_server_message(
        R"({"ice_servers":[{"urls":"stun:a"},{"urls":["http://b","turn:c?transport=sctp"]},{"urls":["x:","turns:d"]}]})");
    EXPECT_EQ(message.ice_servers, (std::vector<IceServer>{{.urls = {"stun:a"}}, {.urls = {"turns:d"}}}));
}

TEST(IceUrl, IsTakenApart) {
    const auto udp = IceUrl{.turn = true, .tls = false, .host = "turn.example.org", .port = 3478, .tcp = false};
    EXPECT_EQ(parse_ice_url("turn:turn.example.org"), udp);
    EXPECT_EQ(parse_ice_url("turn:turn.example.org:3478?transport=udp"), udp);
    EXPECT_EQ(parse_ice_url("turns:[2001:db8::1]:443?transport=tcp"),
              (IceUrl{.turn = true, .tls = true, .host = "2001:db8::1", .port = 443, .tcp = true}));
    EXPECT_EQ(parse_ice_url("stun:192.0.2.1:19302"),
              (IceUrl{.turn = false, .tls = false, .host = "192.0.2.1", .port = 19302, .tcp = false}));
    for (const char* wrong : {"", "stun:", "stun://a", "turn:a:0", "turn:a:65536", "turn:a:", "turn:a b", "turn:u@a",
                              "stun:a?transport=udp", "turn:[::1", "turn:[]", "turn:a?transport=udp&x", "TURN:a"})
        EXPECT_EQ(parse_ice_url(wrong), std::nullopt) << wrong;
    EXPECT_EQ(parse_ice_url("turn:" + std::string(max_ice_text, 'a')), std::nullopt);
}

TEST(Entries, KeepTheirIdentityAndLoseAWrongOne) {
    std::string print;
    for (int i = 0; i < 32; ++i) print += i == 0 ? "0F" : ":0F";
    ClientInfo tls = porto;
    tls.fingerprint = print;
    tls.rtsp_tls = tls.rtsp_only = true;
    const ClientList list{.message = "", .name = "", .clients = {tls, lisboa}};
    EXPECT_EQ(decode_server_message(encode(list)).list->clients, list.clients);
    const auto clients =
        decode_server_message(R"({"clients":[{"name":"a","fingerprint":"AB","rtsp":7,"transport":[]}]})").list->clients;
    EXPECT_THAT(clients, testing::ElementsAre(ClientInfo{.name = "a", .ip = ""}));
}

TEST(Entries, OfAListMayLackAnything) {
    const auto clients = decode_server_message(R"({"clients":[{},{"name":null,"port":"7"}]})").list->clients;
    ASSERT_EQ(clients.size(), 2U);
    EXPECT_EQ(clients[0], ClientInfo{});
    EXPECT_EQ(clients[1].port, 7);
}

TEST(ForOthers, MonitorAndViewerGetTheOriginalsForm) {
    EXPECT_EQ(
        encode(MonitorEvent{.message = "[porto] connected with IP 10.0.0.1", .clients = {porto}}),
        R"({"clients":[{"ip":"10.0.0.1","name":"porto","port":8554,"stream":true}],"info":"Connected clients: 1",)"
        R"("message":"[porto] connected with IP 10.0.0.1"})");
    EXPECT_EQ(encode(WebState{.streaming = {{"porto", true}, {"lisboa", false}}, .restart = false, .refresh = true}),
              R"({"lisboa":false,"porto":true,"refresh":true,"restart":false})");
    const ServerMessage welcome =
        decode_server_message(encode(MonitorWelcome{.message = "hello", .clients = {}, .room = ""}));
    EXPECT_EQ(welcome.message, "hello");
}

struct Bad {
    const char* text;
    const char* fault;
};
class MalformedServerMessage : public testing::TestWithParam<Bad> {};
TEST_P(MalformedServerMessage, SaysWhy) { EXPECT_EQ(server_fault(GetParam().text), GetParam().fault); }
INSTANTIATE_TEST_SUITE_P(
    All, MalformedServerMessage,
    testing::Values(Bad{"x", "not valid JSON"}, Bad{"[1]", "not a JSON object"},
                    Bad{R"({"message":7})", "\"message\" is not a string"},
                    Bad{R"({"clients":{}})", "\"clients\" is not a list"},
                    Bad{R"({"clients":null})", "\"clients\" is not a list"},
                    Bad{R"({"clients":["porto"]})", "an entry of \"clients\" is not an object"},
                    Bad{R"({"clients":[{"name":7}]})", "\"name\" is not a string"},
                    Bad{R"({"clients":[{"ip":7}]})", "\"ip\" is not a string"},
                    Bad{R"({"clients":[{"port":"x"}]})", "\"port\" is not an integer"},
                    Bad{R"({"clients":[{"stream":1}]})", "\"stream\" is neither true nor false"},
                    Bad{R"({"clients":[],"listeners":7})", "\"listeners\" is not a list"},
                    Bad{R"({"clients":[],"listeners":[7]})", "an entry of \"listeners\" is not an object"},
                    Bad{R"({"clients":[],"version":-1})", "\"version\" is not from 0 to 9223372036854775807"},
                    Bad{R"({"clients":[],"epoch":7})", "\"epoch\" is not a string"},
                    Bad{R"({"clients":[],"ip":7})", "\"ip\" is not a string"},
                    Bad{R"({"ice_servers":{}})", "\"ice_servers\" is not a list"},
                    Bad{R"({"ice_servers":[7]})", "an entry of \"ice_servers\" is not an object"},
                    Bad{R"({"ice_servers":[{}]})", "\"urls\" is neither a string nor a list"},
                    Bad{R"({"ice_servers":[{"urls":[7]}]})", "\"urls\" is not a string"},
                    Bad{R"({"ice_servers":[{"urls":[1,2,3,4,5,6,7,8,9]}]})", "\"urls\" has more than 8 entries"},
                    Bad{R"({"ice_servers":[{"urls":"stun:a","username":7}]})", "\"username\" is not a string"},
                    Bad{R"({"error":7})", "\"error\" is not a string"},
                    Bad{R"({"signal":1,"from":[]})", "\"from\" is not a string"}));

}  // namespace
}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.hpp"
#include "node/mesh/wanted.hpp"

namespace matriz::mesh {
namespace {

using protocol::ClientInfo;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ClientInfo client(std::string name, std::string ip = "10.0.0.1", std::uint16_t port = 8554, bool stream = true) {
    return {.name = std::move(name), .ip = std::move(ip), .port = port, .stream = stream, .version = 1};
}

std::vector<std::string> names(const Wanted& wanted) {
    std::vector<std::string> list;
    for (const Peer& peer : wanted.peers) list.push_back(peer.name);
    return list;
}

TEST(Wanted, EveryoneElseSortedByName) {
    const Wanted result =
        wanted({.clients = {client("porto"), client("montemor"), client("lisboa", "::ffff:10.0.0.2", 9000)},
                .own_name = "porto"},
               {});
    EXPECT_THAT(names(result), ElementsAre("lisboa", "montemor"));
    EXPECT_EQ(result.peers[0], (Peer{"lisboa", "10.0.0.2", 9000, 1}));
    EXPECT_THAT(result.refused, IsEmpty());
}

TEST(Wanted, NobodyWhenReceivingIsOff) {
    EXPECT_THAT(wanted({.clients = {client("lisboa")}, .own_name = "porto"},
                       {.receive = false, .direct = direct_peer("10.0.0.9", 1)})
                    .peers,
                IsEmpty());
}

TEST(Wanted, WhoOnlyHearsIsOurWorkWhereWebrtcIs) {
    ClientInfo lisboa = client("lisboa");
    lisboa.fingerprint = "AB";
    const ClientInfo braga = client("braga");  // an original node
    const Wanted sending =
        wanted({.clients = {lisboa, braga}, .own_name = "porto"}, {.receive = false, .webrtc = true});
    ASSERT_THAT(names(sending), ElementsAre("lisboa"));
    EXPECT_FALSE(sending.peers[0].hear);
    EXPECT_TRUE(sending.peers[0].webrtc);
    EXPECT_THAT(names(wanted({.clients = {}, .listeners = {lisboa, braga}, .own_name = "porto"}, {.webrtc = true})),
                ElementsAre("lisboa"));
    EXPECT_THAT(names(wanted({.clients = {}, .listeners = {lisboa, braga}, .own_name = "porto"}, {.webrtc = false})),
                IsEmpty());
    lisboa.rtsp_only = true;
    EXPECT_THAT(names(wanted({.clients = {}, .listeners = {lisboa}, .own_name = "porto"}, {.webrtc = true})),
                IsEmpty());
}

TEST(Wanted, ARefusalGoesWithThePeerAndEndsWithIt) {
    const Peer refused =
        wanted({.clients = {client("lisboa")}, .refusals = {{"lisboa", "a stranger"}}}, {}).peers.at(0);
    EXPECT_EQ(refused.refusal, "a stranger");
    EXPECT_NE(wanted({.clients = {client("lisboa")}}, {}).peers.at(0), refused) << "or the plan would keep it as it is";
}

TEST(Wanted, WhoIsHeardStaysSoWhateverTheListenersSay) {
    ClientInfo lisboa = client("lisboa");
    lisboa.fingerprint = "AB";
    const Wanted result = wanted({.clients = {lisboa}, .listeners = {lisboa}, .own_name = "porto"}, {.webrtc = true});
    ASSERT_THAT(names(result), ElementsAre("lisboa"));
    EXPECT_TRUE(result.peers[0].hear);
    EXPECT_THAT(result.refused, IsEmpty());
}

TEST(Wanted, WithoutAnOwnNameNobodyIsTakenForTheOwnNode) {
    EXPECT_THAT(names(wanted({.clients = {client("lisboa")}, .own_name = ""}, {})), ElementsAre("lisboa"));
}

TEST(Wanted, APeerThatTheServerCannotReachIsTriedAllTheSame) {
    EXPECT_THAT(names(wanted({.clients = {client("lisboa", "10.0.0.2", 8554, false)}, .own_name = "porto"}, {})),
                ElementsAre("lisboa"));
}

struct Hostile {
    ClientInfo client;
    const char* reason;
};
class HostileEntry : public testing::TestWithParam<Hostile> {};
TEST_P(HostileEntry, IsRefusedWithAReasonAndTheRestStands) {
    const Wanted result = wanted({.clients = {GetParam().client, client("lisboa")}, .own_name = "porto"}, {});
    EXPECT_THAT(names(result), ElementsAre("lisboa"));
    EXPECT_THAT(result.refused, ElementsAre(HasSubstr(GetParam().reason)));
}
INSTANTIATE_TEST_SUITE_P(
    Each, HostileEntry,
    testing::Values(Hostile{client(""), "no name"}, Hostile{client("   "), "blank"},
                    Hostile{client(std::string(65, 'x')), "too long"}, Hostile{client("a\nb"), "control characters"},
                    Hostile{client("a\x7f"), "control characters"}, Hostile{client("\xff\xfe"), "not UTF-8"},
                    Hostile{client("x", ""), "address"}, Hostile{client("x", "evil.example/?"), "address"},
                    Hostile{client("x", "224.0.0.1"), "address"}, Hostile{client("x", "10.0.0.1", 0), "no port"}));

TEST(Wanted, OfTwoWithOneNameTheReachableThenTheLaterCounts) {
    const auto address = [](std::vector<ClientInfo> list) {
        const Wanted result = wanted({.clients = list, .own_name = "porto"}, {});
        EXPECT_EQ(result.peers.size(), 1U);
        EXPECT_EQ(result.refused.size(), 1U);
        return result.peers.at(0).address;
    };
    EXPECT_EQ(address({client("a", "10.0.0.1"), client("a", "10.0.0.2")}), "10.0.0.2");
    EXPECT_EQ(address({client("a", "10.0.0.1"), client("a", "10.0.0.2", 8554, false)}), "10.0.0.1");
    EXPECT_EQ(address({client("a", "10.0.0.1", 8554, false), client("a", "10.0.0.2")}), "10.0.0.2");
}

TEST(Direct, StandsWithoutAnyList) {
    EXPECT_THAT(wanted({.clients = {}, .own_name = ""}, {.direct = direct_peer("[::1]", 8556)}).peers,
                ElementsAre(Peer{"direct", "::1", 8556, 0}));
    EXPECT_EQ(direct_peer("porto.example", 8554).address, "porto.example");
}

TEST(Direct, TheSameNodeInTheListIsNotHeardTwice) {
    const Wanted result =
        wanted({.clients = {client("lisboa", "10.0.0.2"), client("braga", "10.0.0.2", 9000)}, .own_name = "porto"},
               {.direct = direct_peer("10.0.0.2", 8554)});
    EXPECT_THAT(names(result), ElementsAre("braga", "direct"));
}

TEST(Direct, NobodyInTheListTakesItsName) {
    const Wanted result = wanted({.clients = {client("direct", "10.0.0.66")}, .own_name = "porto"},
                                 {.direct = direct_peer("10.0.0.2", 8554)});
    EXPECT_THAT(result.peers, ElementsAre(Peer{"direct", "10.0.0.2", 8554, 0}));
    EXPECT_THAT(result.refused, ElementsAre(HasSubstr("direct link")));
    EXPECT_THAT(names(wanted({.clients = {client("direct")}, .own_name = "porto"}, {})), ElementsAre("direct"));
}

TEST(Direct, BadAddressesThrow) {
    EXPECT_THROW(direct_peer("10.0.0.2", 0), Error);
    for (const char* text : {"", "a b", "0.0.0.0", "10.0.0.1:8554", "rtsp://x"})
        EXPECT_THROW(direct_peer(text, 8554), Error) << text;
}

}  // namespace
}  // namespace matriz::mesh

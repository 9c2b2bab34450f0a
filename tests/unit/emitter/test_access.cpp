// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/access.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

using std::chrono::seconds;

TEST(Address, BothFormsOfAnIpv4AddressAreEqual) {
    EXPECT_EQ(Address::parse("10.0.0.1"), Address::parse("::ffff:10.0.0.1"));
    EXPECT_NE(Address::parse("10.0.0.1"), Address::parse("10.0.0.2"));
    EXPECT_EQ(Address::parse("fe80::1%eth0"), Address::parse("fe80::1"));
}

TEST(Address, RejectsWhatIsNone) {
    for (const auto* text : {"", "porto", "1.2.3", "1.2.3.4.5", "10.0.0.1/8", "::g", "%eth0", " 1.2.3.4"})
        EXPECT_FALSE(Address::parse(text)) << text;
    EXPECT_FALSE(Address::parse(std::string(5000, '1')));
}

TEST(Network, ContainsByPrefix) {
    const auto contains = [](const char* network, const char* address) {
        return Network::parse(network).contains(Address::parse(address).value());
    };
    EXPECT_TRUE(contains("10.1.0.0/16", "10.1.255.255"));
    EXPECT_FALSE(contains("10.1.0.0/16", "10.2.0.0"));
    EXPECT_TRUE(contains("192.168.1.128/25", "192.168.1.200"));
    EXPECT_FALSE(contains("192.168.1.128/25", "192.168.1.100"));
    EXPECT_TRUE(contains("10.1.2.3", "10.1.2.3"));
    EXPECT_FALSE(contains("10.1.2.3", "10.1.2.4"));
    EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1")) << "an IPv4 network holds no IPv6 address";
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(contains("::/0", "1.2.3.4"));
    EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.9.8.7"));
    EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.9.8.7"));
    EXPECT_FALSE(contains("::ffff:10.0.0.0/104", "11.9.8.7"));
    EXPECT_TRUE(contains("fe80::/10", "fe80::1%eth0")) << "the zone is this machine's own affair";
}

TEST(Network, SaysWhatIsAccepted) {
    for (const auto* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129",
                             "::ffff:10.0.0.0/129", "lan"}) {
        try {
            Network::parse(text);
            ADD_FAILURE() << text << " was accepted";
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("CIDR"), std::string::npos) << error.what();
        }
    }
}

TEST(AccessList, LetsInLoopbackPeersAndNetworksOnly) {
    AccessList list({"192.168.0.0/24"});
    EXPECT_TRUE(list.allows("127.0.0.1"));
    EXPECT_TRUE(list.allows("127.1.2.3"));
    EXPECT_TRUE(list.allows("::1"));
    EXPECT_TRUE(list.allows("192.168.0.9"));
    EXPECT_FALSE(list.allows("192.168.1.9"));
    EXPECT_FALSE(list.allows("10.0.0.1"));
    EXPECT_FALSE(list.allows("rubbish"));

    EXPECT_TRUE(list.set_peers({"10.0.0.1", "2001:db8::7"}).empty());
    EXPECT_TRUE(list.allows("10.0.0.1"));
    EXPECT_TRUE(list.allows("::ffff:10.0.0.1"));
    EXPECT_TRUE(list.allows("2001:db8::7"));

    EXPECT_TRUE(list.set_peers({"fe80::7%eth0", "::ffff:10.0.0.3"}).empty());
    EXPECT_TRUE(list.allows("fe80::7")) << "as a socket without zones shows it";
    EXPECT_TRUE(list.allows("fe80::7%eth0"));
    EXPECT_FALSE(list.allows("fe80::8%eth0"));
    EXPECT_TRUE(list.allows("10.0.0.3"));

    EXPECT_TRUE(list.set_peers({"10.0.0.2"}).empty());
    EXPECT_FALSE(list.allows("10.0.0.1")) << "who left the client list is out";
    EXPECT_TRUE(list.allows("10.0.0.2"));
}

TEST(AccessList, NamesEntriesThatAreNoAddress) {
    AccessList list({});
    EXPECT_EQ(list.set_peers({"10.0.0.1", "porto.example"}), std::vector<std::string>{"porto.example"});
    EXPECT_TRUE(list.allows("10.0.0.1"));
    EXPECT_FALSE(list.allows("porto.example"));
}

TEST(AccessList, KnowsTheCertificatesOfTheListAndNoOthers) {
    AccessList list({"0.0.0.0/0"});
    EXPECT_FALSE(list.knows("AA"));
    list.set_fingerprints({"AA", "", "BB"});
    EXPECT_TRUE(list.knows("AA"));
    EXPECT_TRUE(list.knows("BB"));
    EXPECT_FALSE(list.knows("A"));
    EXPECT_FALSE(list.knows("")) << "a peer without a certificate lets nobody in without one";
    list.set_fingerprints({"BB"});
    EXPECT_FALSE(list.knows("AA"));
}

TEST(RefusalLog, OneLineAMinuteForEachAddress) {
    RefusalLog log;
    const RefusalLog::Clock::time_point start{seconds{1000}};
    EXPECT_EQ(log.note("a", start), 1);
    EXPECT_EQ(log.note("b", start), 1);
    for (int i = 1; i < 60; ++i) EXPECT_FALSE(log.note("a", start + seconds{i})) << i;
    EXPECT_EQ(log.note("a", start + seconds{60}), 60) << "the line tells how many there were";
    EXPECT_EQ(log.note("a", start + seconds{121}), 1);
}

TEST(RefusalLog, RemembersABoundedNumber) {
    RefusalLog log;
    const RefusalLog::Clock::time_point start{seconds{1000}};
    std::size_t lines = 0;
    for (int i = 0; i < 100'000; ++i) lines += log.note(std::to_string(i), start).has_value() ? 1 : 0;
    EXPECT_LE(lines, RefusalLog::max_addresses + 1);
}

}  // namespace
}  // namespace matriz::emitter

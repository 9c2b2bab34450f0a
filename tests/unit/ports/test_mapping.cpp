// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "node/ports/mapping.hpp"

namespace matriz::node::ports {
namespace {

constexpr auto tcp = Protocol::tcp;
constexpr auto udp = Protocol::udp;

TEST(Mappings, ReadAsRanges) {
    EXPECT_EQ(to_text({}), "nothing");
    EXPECT_EQ(to_text({{tcp, 8554}}), "TCP 8554");
    EXPECT_EQ(to_text({{udp, 8605}, {udp, 8602}, {tcp, 8554}, {udp, 8600}, {udp, 8601}}),
              "TCP 8554 and UDP 8600-8602, 8605");
    EXPECT_EQ(to_text(wanted(8554, 8600, 8700)), "TCP 8554 and UDP 8600-8700");
    EXPECT_EQ(wanted(1, 65534, 65535).size(), 3U);
}

TEST(Reaches, KnowPrivateNetworks) {
    for (const char* address : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
                                "100.127.255.255", "169.254.1.1", "127.0.0.1"})
        EXPECT_EQ(reach_of(address), Reach::behind_nat) << address;
    for (const char* address : {"203.0.113.5", "172.32.0.1", "172.15.9.9", "100.63.0.1", "100.128.0.1", "192.169.0.1"})
        EXPECT_EQ(reach_of(address), Reach::everywhere) << address;
    for (const char* address :
         {"", "0.0.0.0", "fe80::1", "10.1.2", "10.1.2.3.4", "a very long text that is no address"})
        EXPECT_EQ(reach_of(address), Reach::unknown) << address;
}

TEST(Servers, LeadOutsideOrNot) {
    for (const char* host :
         {"", "localhost", "127.0.0.1", "192.168.1.5", "10.0.0.1", "::1", "fe80::1", "fd00::1", "matriz.local"})
        EXPECT_FALSE(leads_outside(host)) << host;
    for (const char* host :
         {"matriz.example.org", "203.0.113.5", "100.70.1.1", "2001:db8::1", "fcporto.pt", "fd.example"})
        EXPECT_TRUE(leads_outside(host)) << host;
}

TEST(Reports, SayWhatToDo) {
    Report report;
    report.state = Report::State::partly;
    report.router = "192.168.1.1 (UPnP)";
    report.external = "100.70.0.9";
    report.open = {{udp, 8600}, {udp, 8601}};
    report.refused = {{{tcp, 8554}, "port 8554 is taken by 192.168.1.7"}};
    const std::string text = report.text();
    for (const char* part : {"192.168.1.1 (UPnP) lets peers in on UDP 8600-8601 of 100.70.0.9",
                             "does not open TCP 8554", "taken by 192.168.1.7", "another NAT is in front of it"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

}  // namespace
}  // namespace matriz::node::ports

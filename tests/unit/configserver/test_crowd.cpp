// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <vector>

#include "configserver/http/crowd.hpp"

namespace matriz::http {
namespace {

net::IpAddress at(const char* text) { return *net::IpAddress::parse(text); }

TEST(Crowd, TheOldestGoesFirstAmongEquals) {
    int a = 0;
    int b = 0;
    Crowd<int> crowd;
    const auto place = crowd.add(a, at("192.0.2.1"));
    crowd.add(b, at("192.0.2.2"));
    EXPECT_EQ(&crowd.first_to_go(), &a);
    crowd.remove(place);
    EXPECT_EQ(&crowd.first_to_go(), &b);
    EXPECT_EQ(crowd.size(), 1U);
}

TEST(Crowd, WhoHasTheMostGoesFirst) {
    int old = 0;
    int many[3] = {};
    Crowd<int> crowd;
    crowd.add(old, at("192.0.2.1"));
    for (int& one : many) crowd.add(one, at("2001:db8::1"));
    EXPECT_EQ(&crowd.first_to_go(), &many[0]);
    int same_network = 0;
    crowd.add(same_network, at("2001:db8::2"));
    EXPECT_EQ(&crowd.first_to_go(), &many[0]) << "one /64 is one";
}

TEST(Crowd, KnowsWhoComesThroughAProxy) {
    int through[3] = {};
    int direct[2] = {};
    Crowd<int> crowd;
    std::vector<Crowd<int>::Place> places;
    for (int& one : through) places.push_back(crowd.add(one, at("127.0.0.1")));
    for (int& one : direct) crowd.add(one, at("192.0.2.1"));
    EXPECT_EQ(&crowd.first_to_go(), &through[0]);
    crowd.regroup(places[0], at("192.0.2.7"));
    crowd.regroup(places[1], at("192.0.2.8"));
    EXPECT_EQ(&crowd.first_to_go(), &direct[0]);
}

}  // namespace
}  // namespace matriz::http

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "configserver/auth/attempts.hpp"

namespace matriz::auth {
namespace {

using std::chrono::seconds;

TEST(Attempts, RunOutAndComeBackWithTime) {
    Attempts attempts(6);
    const auto address = *net::IpAddress::parse("192.0.2.1");
    auto now = Attempts::Clock::now();
    for (int i = 0; i < 6; ++i) {
        EXPECT_TRUE(attempts.may_try(address, now)) << i;
        attempts.failed(address, now);
    }
    EXPECT_FALSE(attempts.may_try(address, now));
    EXPECT_FALSE(attempts.may_try(address, now + seconds(9)));
    EXPECT_TRUE(attempts.may_try(address, now + seconds(10)));
    attempts.failed(address, now + seconds(10));
    EXPECT_FALSE(attempts.may_try(address, now + seconds(10)));
    EXPECT_TRUE(attempts.may_try(address, now + seconds(3600)));
}

TEST(Attempts, WhatWasTriedAtOnceIsWaitedForAfterwards) {
    Attempts attempts(6);
    const auto address = *net::IpAddress::parse("192.0.2.1");
    const auto now = Attempts::Clock::now();
    for (int i = 0; i < 18; ++i) EXPECT_TRUE(attempts.may_try(address, now)) << "their hashes are being computed";
    for (int i = 0; i < 18; ++i) attempts.failed(address, now);
    EXPECT_FALSE(attempts.may_try(address, now + seconds(120)));
    EXPECT_TRUE(attempts.may_try(address, now + seconds(130)));
}

TEST(Attempts, CountEachAddressAlone) {
    Attempts attempts(1);
    const auto now = Attempts::Clock::now();
    attempts.failed(*net::IpAddress::parse("192.0.2.1"), now);
    EXPECT_FALSE(attempts.may_try(*net::IpAddress::parse("192.0.2.1"), now));
    EXPECT_TRUE(attempts.may_try(*net::IpAddress::parse("192.0.2.2"), now));
    attempts.failed(*net::IpAddress::parse("2001:db8::1"), now);
    EXPECT_FALSE(attempts.may_try(*net::IpAddress::parse("2001:db8::2"), now)) << "one /64 is one client";
}

TEST(Attempts, StayBoundedUnderAFlood) {
    Attempts attempts(10);
    const auto guesser = *net::IpAddress::parse("2001:db8::1");
    auto now = Attempts::Clock::now();
    for (int i = 0; i < 20; ++i) attempts.failed(guesser, now);
    std::size_t most = 0;
    for (unsigned i = 0; i < 300'000; ++i) {
        const auto text =
            std::to_string(1 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + ".1";
        attempts.failed(*net::IpAddress::parse(text), now);
        most = std::max(most, attempts.size());
        now += std::chrono::microseconds(10);
    }
    EXPECT_EQ(most, net::AddressBuckets::max_size);
    EXPECT_GE(attempts.size(), net::AddressBuckets::max_size / 2);
    EXPECT_FALSE(attempts.may_try(guesser, now)) << "a flood from elsewhere pardons nobody who has failed often";
    attempts.failed(guesser, now);
    EXPECT_FALSE(attempts.may_try(guesser, now));
    now += std::chrono::minutes(10);
    attempts.failed(*net::IpAddress::parse("192.0.2.1"), now);
    EXPECT_LE(attempts.size(), net::AddressBuckets::max_size);
    EXPECT_TRUE(attempts.may_try(guesser, now));
}

}  // namespace
}  // namespace matriz::auth

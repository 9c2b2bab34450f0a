// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/http/token_bucket.hpp"

namespace matriz::http {
namespace {

using std::chrono::milliseconds;

TEST(TokenBucket, IsFullAtFirstAndEarnsWithTime) {
    TokenBucket bucket;
    auto now = std::chrono::steady_clock::now();
    for (int i = 0; i < 8; ++i) {
        EXPECT_TRUE(bucket.open(2, 8, now)) << i;
        bucket.spend(1);
    }
    EXPECT_FALSE(bucket.open(2, 8, now));
    EXPECT_TRUE(bucket.open(2, 8, now + milliseconds(500)));
    bucket.spend(1);
    EXPECT_FALSE(bucket.open(2, 8, now + milliseconds(500)));
}

TEST(TokenBucket, WhatCostMoreThanThereWasIsEarnedBack) {
    TokenBucket bucket;
    const auto now = std::chrono::steady_clock::now();
    EXPECT_TRUE(bucket.open(2, 8, now));
    bucket.spend(28);
    EXPECT_FALSE(bucket.open(2, 8, now + milliseconds(9'900)));
    EXPECT_TRUE(bucket.open(2, 8, now + milliseconds(10'100)));
}

TEST(TokenBucket, SavesNoMoreThanItsBurst) {
    TokenBucket bucket;
    const auto now = std::chrono::steady_clock::now() + std::chrono::hours(1);
    EXPECT_TRUE(bucket.open(2, 3, now));
    bucket.spend(3);
    EXPECT_FALSE(bucket.open(2, 3, now));
    EXPECT_FALSE(bucket.open(2, 3, now - milliseconds(100))) << "a clock that goes back earns nothing";
}

}  // namespace
}  // namespace matriz::http

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/network/address_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace matriz::network {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Difference, NamesWhatWentAndWhatCame) {
    const auto change = difference({"10.0.0.1", "10.0.0.2"}, {"10.0.0.2", "fd00::1"});
    EXPECT_THAT(change.gone, ElementsAre("10.0.0.1"));
    EXPECT_THAT(change.come, ElementsAre("fd00::1"));
    EXPECT_THAT(change.now, ElementsAre("10.0.0.2", "fd00::1"));
}

TEST(OwnAddresses, NeverHoldLoopback) {
    for (const std::string& address : own_addresses()) {
        EXPECT_NE(address, "127.0.0.1");
        EXPECT_NE(address, "::1");
    }
}

TEST(AddressWatch, TellsOfEachChangeOnce) {
    std::vector<AddressWatch::Change> changes;
    Addresses there{"10.0.0.1"};
    int asked = 0;
    const AddressWatch watch([&](const auto& change) { changes.push_back(change); },
                             [&] {
                                 ++asked;
                                 return there;
                             });
    const auto ask_twice_more = [&] {
        const int target = asked + 2;
        while (asked < target) g_main_context_iteration(nullptr, TRUE);
    };
    ask_twice_more();
    EXPECT_THAT(changes, IsEmpty());
    there = {"10.0.0.7"};
    ask_twice_more();
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_THAT(changes[0].gone, ElementsAre("10.0.0.1"));
    EXPECT_THAT(changes[0].come, ElementsAre("10.0.0.7"));
}

}  // namespace
}  // namespace matriz::network

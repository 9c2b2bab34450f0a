// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/kept_ports.hpp"

#include <gtest/gtest.h>

namespace matriz::node::audio {
namespace {

using Names = std::vector<std::string>;

TEST(KeptPorts, WhoLeavesKeepsPorts) {
    KeptPorts ports(3);
    EXPECT_EQ(ports.update({"a", "b"}), Names{});
    EXPECT_EQ(ports.update({}), Names{});
    EXPECT_EQ(ports.update({"c"}), Names{});
}

TEST(KeptPorts, TheLongestAbsentGoesFirst) {
    KeptPorts ports(3);
    ports.update({"a", "b", "c"});
    ports.update({"b", "c"});
    ports.update({"c"});
    EXPECT_EQ(ports.update({"c", "d"}), Names{"a"});
    EXPECT_EQ(ports.update({"c", "d", "e"}), Names{"b"});
}

TEST(KeptPorts, WhoIsHereIsNeverGone) {
    KeptPorts ports(2);
    EXPECT_EQ(ports.update({"a", "b", "c"}), Names{});
    EXPECT_EQ(ports.update({"a", "b", "c"}), Names{});
    EXPECT_EQ(ports.update({"d"}), (Names{"a", "b"}));
}

TEST(KeptPorts, ComingBackMakesYoungAgain) {
    KeptPorts ports(2);
    ports.update({"a"});
    ports.update({"b"});
    ports.update({"a"});
    ports.update({});
    EXPECT_EQ(ports.update({"c"}), Names{"b"});
}

}  // namespace
}  // namespace matriz::node::audio

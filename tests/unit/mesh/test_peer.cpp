// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "node/mesh/peer.hpp"

namespace matriz::mesh {
namespace {

TEST(Peer, EndpointPutsIPv6InBrackets) {
    EXPECT_EQ((Peer{"a", "10.0.0.1", 8554, 0}).endpoint(), "10.0.0.1:8554");
    EXPECT_EQ((Peer{"a", "fe80::1%eth0", 8554, 0}).endpoint(), "[fe80::1%eth0]:8554");
}

}  // namespace
}  // namespace matriz::mesh

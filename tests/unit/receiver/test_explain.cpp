// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/explain.hpp"

#include <gtest/gtest.h>

namespace matriz::receiver {
namespace {

TEST(Explain, SaysWhatAMusicianCanDo) {
    EXPECT_NE(explain("Not authorized to access resource. (Forbidden (403))").find("client list"), std::string::npos);
    EXPECT_NE(
        explain(
            "Could not open resource for reading and writing. (Failed to connect. (Generic error: Could not connect "
            "to localhost: Connection refused))")
            .find("nobody answers"),
        std::string::npos);
    EXPECT_NE(explain("Unhandled error (This stream is encrypted: come by rtsps:// (403))").find("encrypted only"),
              std::string::npos);
    EXPECT_NE(explain("Could not receive message. (Timeout while waiting for server response)").find("firewall"),
              std::string::npos);
}

TEST(Explain, KeepsWhatItDoesNotKnow) { EXPECT_EQ(explain("The moon is full."), "The moon is full."); }

}  // namespace
}  // namespace matriz::receiver

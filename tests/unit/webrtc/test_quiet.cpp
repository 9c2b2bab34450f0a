// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "node/webrtc/quiet.hpp"

namespace matriz::webrtc {
namespace {

using namespace std::chrono_literals;

class QuietTest : public testing::Test {
  protected:
    /// The looks until it says so; 0: it does not in so many.
    unsigned looks_until(unsigned most) {
        for (unsigned i = 1; i <= most; ++i) {
            now_ += Quiet::interval;
            if (quiet_.look(now_, false, last_packet_)) return i;
        }
        return 0;
    }
    void comes(bool sound) {
        now_ += Quiet::interval;
        if (sound) last_packet_ = now_;
        EXPECT_FALSE(quiet_.look(now_, true, last_packet_));
    }

    Quiet quiet_;
    Quiet::Time now_{1h};
    Quiet::Time last_packet_{};
};

TEST_F(QuietTest, ASecondAfterTheSoundEndedAndOnce) {
    comes(true);
    EXPECT_EQ(looks_until(100), Quiet::limit);
    EXPECT_EQ(looks_until(500), 0U);
}

TEST_F(QuietTest, ALostPingIsNoReason) {
    comes(false);
    EXPECT_EQ(looks_until(Quiet::limit_of_pings - 1), 0U);
    comes(false);
    EXPECT_EQ(looks_until(100), Quiet::limit_of_pings);
}

TEST_F(QuietTest, AWayThatComesAndGoesIsAskedForSeldom) {
    unsigned asked = 0;
    const auto end = now_ + 60s;
    while (now_ < end) {
        comes(true);
        if (looks_until(12) != 0) ++asked;
    }
    EXPECT_LE(asked, 60s / Quiet::pause + 1);
    EXPECT_GE(asked, 2U);
}

TEST_F(QuietTest, AMachineThatStoodStillHasMissedNothing) {
    comes(true);
    now_ += 5s;
    EXPECT_EQ(looks_until(5), 0U);
}

}  // namespace
}  // namespace matriz::webrtc

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/trials.hpp"

#include <gtest/gtest.h>

namespace matriz::transport {
namespace {

using std::chrono::seconds;
using Step = Trials::Step;

const Trials::Time start{seconds{1000}};
const Trials::Webrtc trying{};
const Trials::Webrtc plays{.connected = true, .playing = true, .ever_connected = true};
const Trials::Webrtc mute{.connected = true, .ever_connected = true};
const Trials::Webrtc lost{.ever_connected = true};
const Trials::Webrtc refused{.refused = true};

class TrialsTest : public testing::Test {
  protected:
    TrialsTest() { trials_.start(start); }
    void begin(Trials::Time now) {
        ASSERT_EQ(trials_.update(now, true, nullptr), Step::begin);
        trials_.begun(now);
    }

    Trials trials_{false};
};

TEST_F(TrialsTest, OneEverySoOftenHoweverWellThePeerIsHeard) {
    EXPECT_EQ(trials_.update(start + seconds{29}, true, nullptr), Step::none);
    begin(start + seconds{30});
    EXPECT_EQ(trials_.update(start + seconds{44}, true, &trying), Step::none);
    EXPECT_EQ(trials_.update(start + seconds{45}, true, &trying), Step::end);
    EXPECT_EQ(trials_.update(start + seconds{74}, true, nullptr), Step::none);
    begin(start + seconds{75});
}

TEST_F(TrialsTest, MoreOftenWhereThereIsNothingToLose) {
    EXPECT_EQ(trials_.update(start + seconds{9}, false, nullptr), Step::none) << "it may only be beginning";
    EXPECT_EQ(trials_.update(start + seconds{10}, false, nullptr), Step::begin);
    trials_.begun(start + seconds{10});
    EXPECT_EQ(trials_.update(start + seconds{25}, false, &trying), Step::end);
    EXPECT_EQ(trials_.update(start + seconds{26}, false, nullptr), Step::none);
    EXPECT_EQ(trials_.update(start + seconds{27}, false, nullptr), Step::begin);
}

TEST_F(TrialsTest, ACallNeedsNotWait) {
    trials_.hasten();
    EXPECT_EQ(trials_.update(start, true, nullptr), Step::begin);
    EXPECT_EQ(trials_.update(start, true, nullptr), Step::none) << "one for one call";
    trials_.hasten();
    trials_.begun(start);
    EXPECT_EQ(trials_.update(start + seconds{15}, true, &trying), Step::end);
    EXPECT_EQ(trials_.update(start + seconds{15}, true, nullptr), Step::none) << "that call has had its answer";
}

TEST_F(TrialsTest, WhatIsHeardTakesOver) {
    begin(start + seconds{30});
    EXPECT_EQ(trials_.update(start + seconds{31}, true, &plays), Step::turn);
}

TEST_F(TrialsTest, AConnectionWithoutSoundIsKeptBesideWhatPlays) {
    begin(start + seconds{30});
    EXPECT_EQ(trials_.update(start + seconds{31}, true, &mute), Step::none);
    EXPECT_EQ(trials_.update(start + seconds{90}, true, &mute), Step::none) << "the other may hear by it";
    EXPECT_EQ(trials_.update(start + seconds{91}, true, &plays), Step::turn);
}

TEST_F(TrialsTest, AConnectionThatIsLostGivesThePortsBack) {
    begin(start + seconds{30});
    EXPECT_EQ(trials_.update(start + seconds{31}, true, &lost), Step::end_and_renew);
}

TEST_F(TrialsTest, AWrongCertificateEndsWhatProvesNothing) {
    begin(start + seconds{30});
    EXPECT_EQ(trials_.update(start + seconds{31}, true, &refused), Step::turn);
    Trials encrypted(true);
    encrypted.start(start);
    encrypted.begun(start);
    EXPECT_EQ(encrypted.update(start + seconds{1}, true, &refused), Step::none);
}

}  // namespace
}  // namespace matriz::transport

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/chooser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace matriz::transport {
namespace {

using node::Transport;
using testing::HasSubstr;

const Chooser::Webrtc hopeless{.hopeless = true, .reason = "no way to it was found"};

TEST(Chooser, TakesWebrtcWhenBothCan) {
    EXPECT_EQ(Chooser({.peer_webrtc = true}).way(), Way::webrtc);
    EXPECT_EQ(Chooser({.wish = Transport::webrtc, .peer_webrtc = true}).way(), Way::webrtc);
}

TEST(Chooser, AnOriginalNodeIsHeardOverRtsp) {
    const Chooser chooser({.peer_webrtc = false});
    EXPECT_EQ(chooser.way(), Way::rtsp);
    EXPECT_THAT(chooser.why(), HasSubstr("takes no WebRTC"));
}

TEST(Chooser, WithWebrtcOnlyAnOriginalNodeIsNotHeardAndTheReasonSaysWhatWouldHelp) {
    const Chooser chooser({.wish = Transport::webrtc, .peer_webrtc = false});
    EXPECT_EQ(chooser.way(), Way::none);
    EXPECT_THAT(chooser.why(), HasSubstr("auto"));
}

TEST(Chooser, WithRtspOnlyNobodyGetsWebrtc) {
    EXPECT_EQ(Chooser({.wish = Transport::rtsp, .peer_webrtc = true}).way(), Way::rtsp);
}

TEST(Chooser, WhoOnlyHearsComesForRtspByItself) {
    EXPECT_EQ(Chooser({.peer_webrtc = false, .hear = false}).way(), Way::none);
    EXPECT_EQ(Chooser({.peer_webrtc = true, .hear = false}).way(), Way::webrtc);
}

TEST(Chooser, RtspTakesOverWhenWebrtcNeverWorked) {
    Chooser chooser({.peer_webrtc = true});
    EXPECT_FALSE(chooser.update(Chooser::Webrtc{}));
    EXPECT_TRUE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::rtsp);
    EXPECT_THAT(chooser.why(), HasSubstr("no way to it was found"));
}

TEST(Chooser, WhatWorkedOnceIsNeverGivenUpForAnOpenStream) {
    Chooser chooser({.peer_webrtc = true});
    EXPECT_FALSE(chooser.update(Chooser::Webrtc{.connected = true}));
    EXPECT_FALSE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::webrtc);
}

TEST(Chooser, ARefusedPeerIsNotHeardOverAnything) {
    Chooser chooser({.peer_webrtc = true});
    Chooser::Webrtc refused = hopeless;
    refused.refused = true;
    EXPECT_FALSE(chooser.update(refused));
    const Chooser known({.peer_webrtc = true, .refusal = "its certificate has changed"});
    EXPECT_EQ(known.way(), Way::none);
    EXPECT_THAT(known.why(), HasSubstr("certificate"));
}

TEST(Chooser, WhoMustProveWhoItIsIsNeverHeardInTheClear) {
    for (const auto wish : {Transport::automatic, Transport::rtsp}) {
        const Chooser chooser({.wish = wish, .peer_webrtc = false, .proof_needed = true});
        EXPECT_EQ(chooser.way(), Way::none);
        EXPECT_TRUE(chooser.held_back());
        EXPECT_THAT(chooser.why(), HasSubstr("anybody could be it"));
    }
    Chooser chooser({.peer_webrtc = true, .proof_needed = true});
    EXPECT_FALSE(chooser.held_back());
    EXPECT_FALSE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::webrtc) << "it may get through one day";
    EXPECT_TRUE(chooser.held_back());
    EXPECT_THAT(chooser.why(), testing::AllOf(HasSubstr("no way to it was found"), HasSubstr("rtsp_security")));
    EXPECT_FALSE(chooser.update(Chooser::Webrtc{.connected = true}));
    EXPECT_FALSE(chooser.held_back());
    EXPECT_EQ(chooser.why(), Chooser({.peer_webrtc = true}).why());
}

TEST(Chooser, WhoWasEncryptedBeforeIsNotHeardInTheClearBecauseWebrtcFailsToday) {
    Chooser chooser({.peer_webrtc = true, .secured_before = true});
    EXPECT_FALSE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::webrtc);
    EXPECT_TRUE(chooser.held_back());
    EXPECT_THAT(chooser.why(), testing::AllOf(HasSubstr("no way to it was found"), HasSubstr("encrypted before")));
    Chooser encrypted({.peer_webrtc = true, .rtsp_tls = true, .secured_before = true});
    EXPECT_TRUE(encrypted.update(hopeless));
    EXPECT_EQ(encrypted.way(), Way::rtsp);
}

TEST(Chooser, WhatTheServerOrThisConfigSaysCountsWhoeverWasEncryptedBefore) {
    EXPECT_EQ(Chooser({.peer_webrtc = false, .secured_before = true}).way(), Way::rtsp);
    EXPECT_EQ(Chooser({.wish = Transport::rtsp, .peer_webrtc = true, .secured_before = true}).way(), Way::rtsp);
}

TEST(Chooser, RtspInsideTlsIsProofEnough) {
    const Chooser only_rtsp({.peer_webrtc = false, .rtsp_tls = true, .proof_needed = true});
    EXPECT_EQ(only_rtsp.way(), Way::rtsp);
    Chooser chooser({.peer_webrtc = true, .rtsp_tls = true, .proof_needed = true});
    EXPECT_TRUE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::rtsp);
    EXPECT_FALSE(chooser.held_back());
}

TEST(Chooser, WithWebrtcOnlyItIsTriedForEver) {
    Chooser chooser({.wish = Transport::webrtc, .peer_webrtc = true});
    EXPECT_FALSE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::webrtc);
}

TEST(Chooser, WebrtcThatWorksAfterAllIsNotGivenUpForAnOpenStreamAgain) {
    Chooser chooser({.peer_webrtc = true});
    ASSERT_TRUE(chooser.update(hopeless));
    EXPECT_FALSE(chooser.update(hopeless)) << "that is not the way in use";
    chooser.back_to_webrtc(true);
    EXPECT_EQ(chooser.way(), Way::webrtc);
    EXPECT_EQ(chooser.why(), Chooser({.peer_webrtc = true}).why());
    EXPECT_FALSE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::webrtc);
}

TEST(Chooser, ForAnEncryptedStreamWebrtcMayBeGivenUpAnyTime) {
    Chooser chooser({.peer_webrtc = true, .rtsp_tls = true});
    EXPECT_FALSE(chooser.update(Chooser::Webrtc{.connected = true}));
    EXPECT_TRUE(chooser.update(hopeless));
    EXPECT_EQ(chooser.way(), Way::rtsp);
}

}  // namespace
}  // namespace matriz::transport

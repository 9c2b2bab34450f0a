// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/app/trust_gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace matriz::node {
namespace {

using protocol::ClientInfo;
using testing::HasSubstr;
using testing::IsEmpty;

std::string print_of(const char* pair) {
    std::string text = pair;
    for (int i = 1; i < 32; ++i) text += std::string(":") + pair;
    return text;
}

class TrustGateTest : public testing::Test {
  protected:
    TrustGateTest() {
        char pattern[] = "/tmp/matriz-gate-XXXXXX";
        config_.state_dir = ::mkdtemp(pattern);
        config_.trust = Trust::pinned;
    }
    ~TrustGateTest() override { std::filesystem::remove_all(config_.state_dir); }

    std::string refusal(TrustGate& gate, const ClientInfo& client) {
        const auto refusals = gate.refusals({client}, "porto");
        const auto found = refusals.find(client.name);
        return found != refusals.end() ? found->second : "";
    }

    NodeConfig config_;
    const ClientInfo lisboa_{
        .name = "lisboa", .ip = "10.0.0.2", .port = 8554, .version = 1, .fingerprint = print_of("AB")};
};

TEST_F(TrustGateTest, AFriendThatCannotProveAnythingAnyMoreIsRefusedUntilAPersonSaysSo) {
    TrustGate gate(config_, true);
    ASSERT_TRUE(gate.proven("lisboa", lisboa_.fingerprint));
    EXPECT_FALSE(gate.proven("lisboa", lisboa_.fingerprint)) << "once is enough";
    EXPECT_TRUE(gate.proof_needed("lisboa", lisboa_.fingerprint));
    ClientInfo plain = lisboa_;
    plain.rtsp_only = true;
    EXPECT_THAT(refusal(gate, plain),
                testing::AllOf(HasSubstr("in the clear"), HasSubstr("matrizctl trust \"lisboa\"")));
    ClientInfo other = lisboa_;
    other.fingerprint = print_of("CD");
    EXPECT_THAT(refusal(gate, other), HasSubstr("another certificate"));
    ClientInfo none = lisboa_;
    none.fingerprint.clear();
    EXPECT_THAT(refusal(gate, none), HasSubstr("no certificate any more"));
    EXPECT_THAT(refusal(gate, lisboa_), IsEmpty()) << "itself again";
    ASSERT_THAT(refusal(gate, plain), HasSubstr("in the clear"));
    ASSERT_TRUE(gate.known_peers()->accept("lisboa"));
    EXPECT_THAT(refusal(gate, plain), IsEmpty());
    EXPECT_FALSE(gate.proof_needed("lisboa", plain.fingerprint));
}

TEST_F(TrustGateTest, WhoWasOnlyListedIsHeldToNothing) {
    TrustGate gate(config_, true);
    ASSERT_THAT(refusal(gate, lisboa_), IsEmpty());
    EXPECT_FALSE(gate.proof_needed("lisboa", lisboa_.fingerprint));
    ClientInfo other = lisboa_;
    other.fingerprint = print_of("CD");
    EXPECT_THAT(refusal(gate, other), IsEmpty()) << "perhaps the first was the impostor";
}

TEST_F(TrustGateTest, WhatCannotBeRememberedIsNotTrustedUntilItCan) {
    config_.state_dir += "/state";
    std::ofstream(config_.state_dir) << "in the way";
    TrustGate gate(config_, true);
    ASSERT_THAT(refusal(gate, lisboa_), IsEmpty());
    EXPECT_TRUE(gate.proven("lisboa", lisboa_.fingerprint)) << "there is something new to be said of it";
    EXPECT_THAT(refusal(gate, lisboa_), testing::Not(IsEmpty()));
    std::filesystem::remove(config_.state_dir);
    EXPECT_THAT(refusal(gate, lisboa_), IsEmpty());
    EXPECT_TRUE(gate.proof_needed("lisboa", lisboa_.fingerprint));
    std::filesystem::remove_all(config_.state_dir);
    config_.state_dir = config_.state_dir.substr(0, config_.state_dir.rfind('/'));
}

TEST_F(TrustGateTest, RtspInsideTlsIsProof) {
    ClientInfo tls = lisboa_;
    tls.rtsp_only = tls.rtsp_tls = true;
    TrustGate gate(config_, true);
    gate.proven("lisboa", lisboa_.fingerprint);
    EXPECT_THAT(refusal(gate, tls), IsEmpty());
    TrustGate anonymous(config_, false);
    EXPECT_THAT(refusal(anonymous, tls), HasSubstr("in the clear")) << "without an identity there is no handshake";
}

TEST_F(TrustGateTest, WhatThisNodeCannotCheckIsNoProof) {
    TrustGate(config_, true).proven("lisboa", lisboa_.fingerprint);
    config_.transport = Transport::rtsp;
    TrustGate gate(config_, true);
    EXPECT_THAT(refusal(gate, lisboa_), HasSubstr("in the clear"));
}

TEST_F(TrustGateTest, AnOriginalNodeThatNeverProvedAnythingIsTakenAsItComes) {
    TrustGate gate(config_, true);
    const ClientInfo original{.name = "faro", .ip = "10.0.0.3", .port = 8554};
    EXPECT_THAT(refusal(gate, original), IsEmpty());
    EXPECT_FALSE(gate.proof_needed("faro", ""));
    EXPECT_TRUE(gate.counts_by_address(original));
}

TEST_F(TrustGateTest, AnAddressDoesNotCountForWhoCanShowACertificate) {
    TrustGate gate(config_, true);
    EXPECT_TRUE(gate.counts_by_address(lisboa_)) << "nobody has met it";
    gate.proven("lisboa", lisboa_.fingerprint);
    EXPECT_FALSE(gate.counts_by_address(lisboa_));
    ClientInfo over_tls = lisboa_;
    over_tls.rtsp_only = over_tls.rtsp_tls = true;
    EXPECT_TRUE(gate.counts_by_address(over_tls)) << "it comes for our sound by RTSP";
}

TEST_F(TrustGateTest, WhereTheServerIsTrustedNobodyIsRefused) {
    config_.trust = Trust::server;
    TrustGate gate(config_, true);
    ClientInfo other = lisboa_;
    other.fingerprint = print_of("CD");
    for (const ClientInfo& client : {lisboa_, other}) EXPECT_THAT(refusal(gate, client), IsEmpty());
    EXPECT_FALSE(gate.proven("lisboa", lisboa_.fingerprint));
    EXPECT_FALSE(gate.proof_needed("lisboa", lisboa_.fingerprint));
    EXPECT_TRUE(gate.counts_by_address(lisboa_));
    EXPECT_EQ(gate.known_peers(), nullptr);
}

TEST_F(TrustGateTest, ThatAPeerWasEncryptedOutlivesTheLinkAndTheNode) {
    config_.trust = Trust::server;
    {
        TrustGate gate(config_, true);
        EXPECT_FALSE(gate.secured_before(lisboa_.fingerprint));
        gate.proven("lisboa", lisboa_.fingerprint);
        EXPECT_TRUE(gate.secured_before(lisboa_.fingerprint));
        EXPECT_FALSE(gate.secured_before(print_of("CD")));
        EXPECT_FALSE(gate.secured_before(""));
    }
    EXPECT_TRUE(TrustGate(config_, true).secured_before(lisboa_.fingerprint));
    const auto mode = std::filesystem::status(config_.state_dir + "/secured_peers.json").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(TrustGateTest, WhatCannotBeReadOrWrittenStopsNobodyWhoTrustsTheServer) {
    config_.trust = Trust::server;
    std::ofstream(config_.state_dir + "/secured_peers.json") << "{";
    TrustGate broken(config_, true);
    EXPECT_FALSE(broken.secured_before(lisboa_.fingerprint));
    broken.proven("lisboa", lisboa_.fingerprint);
    EXPECT_TRUE(broken.secured_before(lisboa_.fingerprint));
    TrustGate gate(config_, true);
    EXPECT_TRUE(gate.secured_before(lisboa_.fingerprint)) << "it began anew";
    std::filesystem::remove_all(config_.state_dir);
    std::ofstream(config_.state_dir) << "in the way";
    gate.proven("faro", print_of("CD"));
    EXPECT_TRUE(gate.secured_before(print_of("CD"))) << "until it stops";
}

}  // namespace
}  // namespace matriz::node

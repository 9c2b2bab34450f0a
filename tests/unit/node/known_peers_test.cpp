// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/known_peers.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/base/error.hpp"

namespace matriz::identity {
namespace {

using Verdict = KnownPeers::Verdict;
using Proof = KnownPeers::Proof;

std::string print_of(const char* pair) {
    std::string text = pair;
    for (int i = 1; i < 32; ++i) text += std::string(":") + pair;
    return text;
}

class KnownPeersTest : public testing::Test {
  protected:
    KnownPeersTest() {
        char pattern[] = "/tmp/matriz-known-XXXXXX";
        folder_ = ::mkdtemp(pattern);
        path_ = folder_ + "/known_peers.json";
    }
    ~KnownPeersTest() override { std::filesystem::remove_all(folder_); }
    std::string contents() const {
        std::ifstream stream(path_);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    std::string fault() const {
        try {
            const KnownPeers peers(folder_);
        } catch (const std::exception& error) {
            return describe(error);
        }
        return "no error";
    }

    std::string folder_;
    std::string path_;
    const std::string first_ = print_of("AB");
    const std::string second_ = print_of("CD");
};

TEST_F(KnownPeersTest, RemembersTheFirstAndRefusesAnother) {
    {
        KnownPeers peers(folder_ + "/new/deep");
        EXPECT_TRUE(peers.remember("lisboa", first_));
        EXPECT_TRUE(peers.remember("東京 \"1\"", second_));
        EXPECT_FALSE(peers.remember("lisboa", first_)) << "nothing new";
        EXPECT_FALSE(peers.remember("lisboa", second_)) << "nor does another take its place";
    }
    KnownPeers peers(folder_ + "/new/deep");
    EXPECT_EQ(peers.check("lisboa", first_, Proof::possible), Verdict::known);
    EXPECT_EQ(peers.check("東京 \"1\"", second_, Proof::possible), Verdict::known);
    EXPECT_EQ(peers.check("lisboa", second_, Proof::possible), Verdict::changed);
    EXPECT_EQ(peers.check("lisboa", second_, Proof::possible), Verdict::changed) << "asking again is no consent";
    EXPECT_EQ(KnownPeers(folder_ + "/new/deep").check("lisboa", second_, Proof::possible), Verdict::changed);
    EXPECT_EQ(peers.check("lisboa", first_, Proof::possible), Verdict::known);
}

TEST_F(KnownPeersTest, WhatAListSaysIsNotRemembered) {
    KnownPeers peers(folder_);
    EXPECT_EQ(peers.check("lisboa", first_, Proof::possible), Verdict::unmet);
    EXPECT_EQ(peers.check("lisboa", second_, Proof::possible), Verdict::unmet) << "or anybody could pin the absent";
    EXPECT_FALSE(peers.remembers("lisboa", first_));
    EXPECT_TRUE(peers.entries().empty());
    EXPECT_FALSE(peers.accept("lisboa"));
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(KnownPeersTest, WhoHadACertificateCannotComeWithoutOne) {
    KnownPeers peers(folder_);
    EXPECT_EQ(peers.check("original", "", Proof::possible), Verdict::unproven);
    EXPECT_TRUE(peers.entries().empty());
    peers.remember("lisboa", first_);
    EXPECT_EQ(peers.check("lisboa", "", Proof::none), Verdict::changed);
    EXPECT_TRUE(peers.accept("lisboa"));
    EXPECT_EQ(peers.check("lisboa", "", Proof::none), Verdict::unproven);
    EXPECT_EQ(peers.check("lisboa", second_, Proof::possible), Verdict::unmet);
}

TEST_F(KnownPeersTest, WhoProvedWhoItIsCannotComeInTheClear) {
    KnownPeers peers(folder_);
    EXPECT_EQ(peers.check("radio", first_, Proof::none), Verdict::unproven);
    peers.remember("lisboa", first_);
    EXPECT_TRUE(peers.remembers("lisboa", first_));
    EXPECT_FALSE(peers.remembers("lisboa", second_));
    EXPECT_EQ(peers.check("lisboa", first_, Proof::none), Verdict::in_the_clear);
    EXPECT_EQ(peers.check("lisboa", second_, Proof::none), Verdict::changed);
    ASSERT_EQ(peers.entries().size(), 1U);
    EXPECT_EQ(peers.entries()[0].offered, second_);
    EXPECT_TRUE(peers.entries()[0].in_the_clear);
    EXPECT_EQ(peers.check("lisboa", first_, Proof::possible), Verdict::known);
    EXPECT_FALSE(peers.accept("lisboa")) << "it came back as who it is";
    peers.check("lisboa", first_, Proof::none);
    EXPECT_TRUE(peers.accept("lisboa"));
    EXPECT_EQ(peers.check("lisboa", first_, Proof::none), Verdict::unproven) << "and may come in the clear";
    EXPECT_FALSE(KnownPeers(folder_).remembers("lisboa", first_)) << "it is on the disk";
}

TEST_F(KnownPeersTest, ConsentIsForWhatWasRefusedLast) {
    KnownPeers peers(folder_);
    peers.remember("lisboa", first_);
    EXPECT_FALSE(peers.accept("lisboa")) << "nothing was refused";
    EXPECT_FALSE(peers.accept("nobody"));
    peers.check("lisboa", second_, Proof::possible);
    ASSERT_EQ(peers.entries().size(), 1U);
    EXPECT_TRUE(peers.entries()[0].refused);
    EXPECT_FALSE(peers.entries()[0].in_the_clear);
    EXPECT_EQ(peers.entries()[0].offered, second_);
    EXPECT_EQ(peers.entries()[0].fingerprint, first_);
    EXPECT_TRUE(peers.accept("lisboa"));
    EXPECT_EQ(peers.check("lisboa", second_, Proof::possible), Verdict::known);
    EXPECT_EQ(KnownPeers(folder_).check("lisboa", first_, Proof::possible), Verdict::changed) << "it is on the disk";
    EXPECT_FALSE(peers.entries()[0].refused);
    peers.check("lisboa", first_, Proof::possible);
    peers.check("lisboa", second_, Proof::possible);
    EXPECT_FALSE(peers.accept("lisboa")) << "it came back as who it is";
}

TEST_F(KnownPeersTest, OnlyItsOwnerReadsTheFile) {
    KnownPeers(folder_).remember("lisboa", first_);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(KnownPeersTest, ABrokenFileIsReportedAndLeftAlone) {
    const std::string context = "the peers that this node knows, " + path_ + ": ";
    for (const std::string text : {"", "garbage", "[]", "{}", R"({"known_peers":[]})", R"({"known_peers":{"a":)"}) {
        std::ofstream(path_) << text;
        EXPECT_EQ(fault(), context + "is not what this node wrote; repair it, or remove it to trust every peer anew")
            << text;
        EXPECT_EQ(contents(), text);
    }
    std::ofstream(path_) << R"({"known_peers":{"lisboa":"AB:CD"}})";
    EXPECT_EQ(fault(), context + "has no fingerprint for \"lisboa\"; repair it, or remove that peer to trust it anew");
    std::filesystem::remove(path_);
    std::filesystem::create_directory(path_);
    EXPECT_NE(fault(), "no error");
}

TEST_F(KnownPeersTest, WhatCannotBeRememberedIsNotTrusted) {
    const std::string blocked = folder_ + "/file";
    std::ofstream(blocked) << "in the way";
    KnownPeers peers(blocked);
    EXPECT_ANY_THROW(peers.remember("lisboa", first_));
    EXPECT_TRUE(peers.entries().empty());
}

TEST_F(KnownPeersTest, WhenItIsFullNewNamesAreRefusedAndOldOnesAreNot) {
    {
        std::ofstream file(path_);
        file << R"({"known_peers":{)";
        for (std::size_t i = 0; i < KnownPeers::most; ++i)
            file << (i > 0 ? "," : "") << "\"guest " << i << "\":\"" << first_ << '"';
        file << "}}";
    }
    KnownPeers peers(folder_);
    EXPECT_EQ(peers.check("guest 7", first_, Proof::possible), Verdict::known);
    EXPECT_THROW(peers.check("lisboa", first_, Proof::possible), Error);
    EXPECT_THROW(peers.remember("lisboa", first_), Error);
    EXPECT_EQ(peers.check("original", "", Proof::none), Verdict::unproven);
}

}  // namespace
}  // namespace matriz::identity

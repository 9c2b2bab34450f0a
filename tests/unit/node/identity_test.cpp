// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/identity.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/base/error.hpp"

namespace matriz::identity {
namespace {

class IdentityTest : public testing::Test {
  protected:
    IdentityTest() {
        char pattern[] = "/tmp/matriz-identity-XXXXXX";
        folder_ = ::mkdtemp(pattern);
    }
    ~IdentityTest() override { std::filesystem::remove_all(folder_); }
    std::string folder_;
};

TEST_F(IdentityTest, IsMadeOnceAndKept) {
    const std::string folder = folder_ + "/new/deep";
    const Identity first = Identity::load_or_make(folder);
    const Identity second = Identity::load_or_make(folder);
    EXPECT_EQ(first.pem(), second.pem());
    EXPECT_EQ(first.fingerprint(), second.fingerprint());
    EXPECT_EQ(first.fingerprint(), fingerprint_of(first.certificate_pem()));
    EXPECT_EQ(first.fingerprint().size(), 95U);
    EXPECT_EQ(first.certificate_pem().find("PRIVATE"), std::string::npos);
}

TEST_F(IdentityTest, TwoNodesDiffer) {
    EXPECT_NE(Identity::load_or_make(folder_ + "/a").fingerprint(),
              Identity::load_or_make(folder_ + "/b").fingerprint());
}

TEST_F(IdentityTest, OnlyItsOwnerReadsIt) {
    Identity::load_or_make(folder_);
    struct stat info {};
    ASSERT_EQ(::stat((folder_ + "/identity.pem").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(IdentityTest, WhatOthersCouldReadIsClosedToThem) {
    const std::string path = folder_ + "/identity.pem";
    const std::string pem = Identity::load_or_make(folder_).pem();
    for (const mode_t mode : {0644U, 0660U, 0604U}) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
        EXPECT_EQ(Identity::load_or_make(folder_).pem(), pem);
        struct stat info {};
        ASSERT_EQ(::stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0600U);
    }
}

TEST_F(IdentityTest, ABrokenFileIsReportedAndLeftAlone) {
    const std::string path = folder_ + "/identity.pem";
    std::ofstream(path) << "garbage";
    try {
        Identity::load_or_make(folder_);
        FAIL() << "no error";
    } catch (const std::exception& error) {
        EXPECT_EQ(describe(error), "this node's identity, " + path + ": holds no certificate with its private key");
    }
    std::string text;
    std::ifstream(path) >> text;
    EXPECT_EQ(text, "garbage");
}

TEST(Fingerprint, HasOneSpelling) {
    const std::string upper = [] {
        std::string text;
        for (int i = 0; i < 32; ++i) text += i == 0 ? "AB" : ":AB";
        return text;
    }();
    std::string lower = upper;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(clean_fingerprint(upper), upper);
    EXPECT_EQ(clean_fingerprint(lower), upper);
    EXPECT_EQ(clean_fingerprint(upper + ":AB"), std::nullopt);
    EXPECT_EQ(clean_fingerprint("AB:CD"), std::nullopt);
    EXPECT_EQ(clean_fingerprint("XY" + upper.substr(2)), std::nullopt);
    EXPECT_EQ(fingerprint_of("no certificate"), std::nullopt);
}

}  // namespace
}  // namespace matriz::identity

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/auth/keyring.hpp"

namespace matriz::auth {
namespace {

const Identity porto{Role::node, "porto"};

TEST(KeyHash, MatchesItsKeyOnly) {
    const std::string key = make_key();
    const KeyHash hash = KeyHash::make(key);
    EXPECT_TRUE(hash.matches(key));
    EXPECT_FALSE(hash.matches(key + "x"));
    EXPECT_FALSE(hash.matches(""));
    EXPECT_EQ(hash.id, key_id(key));
    const auto again = KeyHash::parse(hash.to_string());
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, hash);
    EXPECT_NE(KeyHash::make(key).to_string(), hash.to_string()) << "the salt is new each time";
    EXPECT_EQ(hash.to_string().find(key.substr(9)), std::string::npos);
}

TEST(KeyHash, IsTheScryptOfRfc7914) {
    // Section 12 has no vector with a salt of 16 bytes and an output of 32; this one was made with Python's
    // hashlib.scrypt.
    const auto hash = KeyHash::parse(
        "scrypt::10:8:1:000102030405060708090a0b0c0d0e0f:"
        "c748c7505929341889570635021b87ecdbb2c559646ab1675e344d869d41fde5");
    ASSERT_TRUE(hash);
    EXPECT_TRUE(hash->matches("pleaseletmein"));
    EXPECT_FALSE(hash->matches("pleaseletmeim"));
}

TEST(KeyHash, IsCheapForKeysThatNobodyGuesses) {
    EXPECT_EQ(KeyHash::make(make_key()).log2_n, 10U);
    EXPECT_EQ(KeyHash::make("of my own choice").log2_n, 14U);
}

TEST(KeyHash, RefusesWhatItDidNotWrite) {
    const std::string good = KeyHash::make("of my own choice").to_string();
    EXPECT_TRUE(KeyHash::parse(good));
    for (const std::string& bad :
         {std::string(), std::string("scrypt"), good + ":", good.substr(0, good.size() - 1), "x" + good,
          std::string("scrypt:short:14:8:1:00:00"), std::string("scrypt::30:8:1:") + good.substr(good.size() - 97),
          std::string("scrypt::14:0:1:") + good.substr(good.size() - 97)})
        EXPECT_FALSE(KeyHash::parse(bad)) << bad;
}

TEST(Keys, AreRandomAndReadable) {
    const std::string key = make_key();
    EXPECT_EQ(key.size(), 41U);
    EXPECT_NE(key, make_key());
    EXPECT_EQ(key.find_first_of("lo01 \""), std::string::npos);
    EXPECT_EQ(key_id("too short"), "");
    EXPECT_EQ(key_id(std::string(41, 'l')), "");
}

TEST(Keyring, FindsKeysInTheClear) {
    Keyring keyring;
    keyring.add(porto, "secret");
    keyring.add({Role::node, "lisboa"}, "secret");
    EXPECT_EQ(keyring.find("secret").size(), 2U);
    EXPECT_TRUE(keyring.find("Secret").empty());
    EXPECT_TRUE(keyring.find("").empty());
    EXPECT_TRUE(keyring.has_node("porto"));
    const Keyring empty = keyring.emptied();
    EXPECT_TRUE(empty.find("secret").empty());
    EXPECT_FALSE(empty.has_node("porto"));
    EXPECT_EQ(keyring.find("secret").size(), 2U) << "the one in use is as it was";
}

TEST(Keyring, TriesOnlyHashesThatMayFit) {
    Keyring keyring;
    const std::string key = make_key();
    keyring.add(porto, KeyHash::make(key));
    keyring.add({Role::node, "lisboa"}, KeyHash::make("own"));
    keyring.add({Role::guest, "sala"}, KeyHash::make("room"));
    EXPECT_EQ(keyring.candidates(key, "", "").size(), 1U);
    EXPECT_EQ(keyring.candidates(make_key(), "porto", "").size(), 0U);
    EXPECT_EQ(keyring.candidates("own", "lisboa", "").size(), 1U);
    EXPECT_EQ(keyring.candidates("own", "porto", "").size(), 0U);
    EXPECT_EQ(keyring.candidates("room", "ana", "sala").size(), 1U);
    for (int i = 0; i < 20; ++i) keyring.add({Role::node, "many"}, KeyHash{});
    EXPECT_LE(keyring.candidates("x", "many", "").size(), 4U) << "each costs 30 ms";
}

TEST(Keyring, OneHashedKeyMayHaveSeveralNames) {
    Keyring keyring;
    const std::string made = make_key();
    std::vector<Identity> names;
    for (int i = 0; i < 6; ++i) {
        names.push_back({Role::node, "node" + std::to_string(i)});
        keyring.add(names.back(), KeyHash::make(made));
    }
    const auto tried = keyring.candidates(made, "node5", "");
    ASSERT_FALSE(tried.empty());
    EXPECT_EQ(tried.front().identity, names[5]) << "the name that is asked for comes first";
    for (const auto& candidate : tried) keyring.remember(candidate, made);
    for (const auto& candidate : tried) keyring.remember(candidate, made);
    EXPECT_EQ(keyring.find(made).size(), tried.size()) << "all of them, each once";
    const auto further = keyring.further_candidates(made, "node4");
    ASSERT_EQ(further.size(), 1U);
    EXPECT_EQ(further.front().identity, names[4]);
    keyring.remember(further.front(), made);
    EXPECT_TRUE(keyring.further_candidates(made, "node4").empty());
    EXPECT_TRUE(keyring.further_candidates(made, "somebody").empty());
    keyring.remove(names[5], tried.front().hash);
    EXPECT_EQ(keyring.find(made).size(), tried.size());
    EXPECT_TRUE(keyring.has_node("node4"));
    EXPECT_FALSE(keyring.has_node("node5"));
}

TEST(Keyring, RemembersAMatchAsLongAsTheHashIsThere) {
    Keyring keyring;
    const KeyHash hash = KeyHash::make("own");
    keyring.add(porto, hash);
    EXPECT_TRUE(keyring.find("own").empty());
    keyring.remember({porto, hash}, "own");
    EXPECT_EQ(keyring.find("own"), std::vector<Identity>{porto});
    EXPECT_EQ(keyring.find_mac(keyring.mac("own")), std::vector<Identity>{porto});
    keyring = keyring.emptied();
    EXPECT_TRUE(keyring.find("own").empty());
    keyring.add(porto, hash);
    EXPECT_EQ(keyring.find("own"), std::vector<Identity>{porto}) << "a reload costs nobody his session";
    keyring.remove(porto, hash);
    EXPECT_TRUE(keyring.find("own").empty());
    EXPECT_FALSE(keyring.has_node("porto"));
}

}  // namespace
}  // namespace matriz::auth

// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "configserver/auth/authenticator.hpp"

namespace matriz::auth {
namespace {

using Outcome = Authenticator::Outcome;

void iterate_until(const std::function<bool()>& done) {
    while (!done()) g_main_context_iteration(nullptr, TRUE);
}

class AuthenticatorTest : public testing::Test {
  protected:
    AuthenticatorTest() {
        authenticator_.keyring().add({Role::node, "porto"}, KeyHash::make("own choice"));
        authenticator_.keyring().add({Role::node, "lisboa"}, KeyHash::make("another"));
    }
    void ask(const std::string& key, const std::string& from, const std::string& mark,
             const std::shared_ptr<const void>& asker) {
        authenticator_.identify(
            {.key = key, .name = "porto", .room = {}, .from = *net::IpAddress::parse(from), .asker = asker},
            [this, mark](Outcome outcome, const std::vector<Identity>&) {
                order_.push_back(mark);
                outcomes_.push_back(outcome);
            });
    }

    Authenticator authenticator_;
    const std::shared_ptr<const void> here_ = std::make_shared<int>();
    std::vector<std::string> order_;
    std::vector<Outcome> outcomes_;
};

TEST_F(AuthenticatorTest, FindsWhoseKeyItIs) {
    ask("own choice", "192.0.2.1", "right", here_);
    ask("wrong", "192.0.2.1", "wrong", here_);
    iterate_until([&] { return order_.size() == 2; });
    EXPECT_EQ(outcomes_, (std::vector{Outcome::known, Outcome::unknown}));
    ask("own choice", "192.0.2.1", "again", here_);
    EXPECT_EQ(order_.back(), "again") << "at once: it is remembered";
}

TEST_F(AuthenticatorTest, AddressesTakeTurns) {
    for (int i = 0; i < 6; ++i) ask("guess " + std::to_string(i), "192.0.2.66", "guesser", here_);
    ask("own choice", "192.0.2.1", "porto", here_);
    iterate_until([&] { return order_.size() == 7; });
    const auto place = std::find(order_.begin(), order_.end(), "porto") - order_.begin();
    EXPECT_LE(place, 2) << "one may be under way, and one had its turn already";
}

TEST_F(AuthenticatorTest, NobodyIsToldWhoDoesNotAskAnyMore) {
    auto gone = std::make_shared<int>();
    ask("guess 1", "192.0.2.1", "here", here_);
    ask("guess 2", "192.0.2.1", "gone", gone);
    ask("guess 3", "192.0.2.1", "here", here_);
    gone.reset();
    iterate_until([&] { return order_.size() == 2; });
    EXPECT_EQ(order_, (std::vector<std::string>{"here", "here"}));
}

TEST_F(AuthenticatorTest, OnlySoManyWait) {
    authenticator_.set_limit(3);
    for (int i = 0; i < 10; ++i) ask("guess " + std::to_string(i), "192.0.2.1", "guess", here_);
    EXPECT_GE(std::count(outcomes_.begin(), outcomes_.end(), Outcome::busy), 6);
    iterate_until([&] { return order_.size() == 10; });
    EXPECT_GE(std::count(outcomes_.begin(), outcomes_.end(), Outcome::unknown), 3);
}

TEST_F(AuthenticatorTest, WhatItsAnswerCausesEndsNobody) {
    authenticator_.identify(
        {.key = "wrong", .name = "porto", .room = {}, .from = *net::IpAddress::parse("192.0.2.1"), .asker = here_},
        [](Outcome, const std::vector<Identity>&) { throw std::runtime_error("no memory"); });
    ask("own choice", "192.0.2.1", "porto", here_);
    iterate_until([&] { return order_.size() == 1; });
    EXPECT_EQ(outcomes_, std::vector{Outcome::known});
}

}  // namespace
}  // namespace matriz::auth

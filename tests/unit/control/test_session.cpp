// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/protocol/json.hpp"
#include "node/control/session.hpp"

namespace matriz::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = Session::State;

constexpr const char* welcome =
    R"({"name":"porto","ip":"10.0.0.1","port":8554,"stream":true,"message":"Port 8554 at 10.0.0.1 is open",)"
    R"("clients":[{"ip":"10.0.0.1","stream":true,"name":"porto","port":8554},)"
    R"({"ip":"10.0.0.2","stream":true,"name":"lisboa","port":8554}],"n_clients":2})";
constexpr const char* alone =
    R"({"name":"porto","ip":"10.0.0.1","port":8554,"stream":true,"message":"open",)"
    R"("clients":[{"ip":"10.0.0.1","stream":true,"name":"porto","port":8554}],"n_clients":1})";

/// A session on a clock of its own, with what it asked for as short words: "connect", "send …", "close", "drop",
/// "list a b as own", "left". What it said is kept apart.
class SessionTest : public testing::Test {
  protected:
    using Words = std::vector<std::string>;

    Words words(const Actions& actions) {
        Words list;
        for (const Action& one : actions) {
            if (std::holds_alternative<action::Connect>(one)) list.emplace_back("connect");
            if (std::holds_alternative<action::Close>(one)) list.emplace_back("close");
            if (std::holds_alternative<action::Drop>(one)) list.emplace_back("drop");
            if (std::holds_alternative<action::Left>(one)) list.emplace_back("left");
            if (const auto* send = std::get_if<action::Send>(&one)) list.push_back("send " + send->text);
            if (const auto* signal = std::get_if<action::Deliver>(&one))
                list.push_back("signal from " + signal->from + " " + protocol::write(signal->body));
            if (const auto* use = std::get_if<action::UseIceServers>(&one)) {
                list.emplace_back("ice");
                for (const auto& server : use->servers) list.back() += " " + server.urls.at(0);
            }
            if (const auto* say = std::get_if<action::Say>(&one)) said.push_back(*say);
            if (const auto* publish = std::get_if<action::Publish>(&one)) {
                std::string text = "list";
                for (const auto& client : publish->clients) text += " " + client.name;
                if (!publish->listeners.empty()) text += " and";
                for (const auto& client : publish->listeners) text += " " + client.name;
                list.push_back(text + " as " + publish->own_name);
            }
        }
        return list;
    }
    /// Lets time pass, ticking whenever it is due; the words of all ticks.
    Words pass(milliseconds time) {
        Words all;
        const auto end = now + time;
        for (auto due = session.deadline(); due && *due <= end; due = session.deadline()) {
            now = std::max(now, *due);
            const Words some = words(session.tick(now));
            all.insert(all.end(), some.begin(), some.end());
            if (some.empty() && session.deadline() == due) ADD_FAILURE() << "the deadline stands still";
        }
        now = end;
        return all;
    }
    void register_it(const char* reply = welcome) {
        words(session.start(now));
        words(session.opened(now));
        words(session.received(now, reply));
        ASSERT_EQ(session.state(), State::registered);
        said.clear();
    }
    std::string all_said() const {
        std::string text;
        for (const auto& one : said) text += one.text + "\n";
        return text;
    }

    Session::Time now = Session::Clock::now();
    Session session{{.name = "porto", .key = "secret", .port = 8554, .version = 1}, Times{}, 42};
    std::vector<action::Say> said;
};

TEST_F(SessionTest, RegistersAndPublishesTheList) {
    EXPECT_EQ(session.deadline(), std::nullopt);
    EXPECT_THAT(words(session.start(now)), ElementsAre("connect"));
    EXPECT_THAT(words(session.opened(now)),
                ElementsAre(R"(send {"key":"secret","matriz":1,"name":"porto","port":8554,"register":""})"));
    EXPECT_EQ(session.state(), State::registering);
    EXPECT_THAT(words(session.received(now, welcome)), ElementsAre("list porto lisboa as porto"));
    EXPECT_EQ(session.state(), State::registered);
    EXPECT_EQ(session.own_address(), "10.0.0.1");
    EXPECT_EQ(session.reachable(), true);
    EXPECT_EQ(session.last_error(), "");
    EXPECT_EQ(session.server_version(), 0);
}

TEST_F(SessionTest, AnotherStartChangesNothing) {
    register_it();
    EXPECT_THAT(session.start(now), IsEmpty());
    EXPECT_EQ(session.state(), State::registered);
}

TEST_F(SessionTest, TakesTheNameThatTheServerHas) {
    words(session.start(now));
    words(session.opened(now));
    EXPECT_THAT(
        words(session.received(now, R"({"name":"norte","ip":"10.0.0.1","port":8554,"stream":true,"clients":[]})")),
        ElementsAre("list as norte"));
    EXPECT_EQ(session.own_name(), "norte");
    EXPECT_THAT(all_said(), HasSubstr("norte"));
}

TEST_F(SessionTest, SaysThatTheStreamCannotBeReached) {
    words(session.start(now));
    words(session.opened(now));
    words(session.received(
        now, R"({"name":"porto","ip":"10.0.0.1","port":8554,"stream":false,"message":"timed out","clients":[]})"));
    ASSERT_FALSE(said.empty());
    EXPECT_EQ(said.back().level, log::Level::warning);
    EXPECT_THAT(said.back().text, testing::AllOf(HasSubstr("timed out"), HasSubstr("8554")));
}

/// Our own server answers at once and tries the port afterwards.
TEST_F(SessionTest, LearnsLaterWhetherTheStreamCanBeReached) {
    register_it(R"({"name":"porto","ip":"10.0.0.1","port":8554,"stream":false,"matriz":1,"message":"registered",)"
                R"("clients":[{"ip":"10.0.0.1","stream":false,"name":"porto","port":8554}]})");
    EXPECT_EQ(session.reachable(), std::nullopt);
    // A list about another says nothing yet.
    words(session.received(now, R"({"message":"[lisboa] connected to config server","name":"lisboa",)"
                                R"("clients":[{"ip":"10.0.0.1","stream":false,"name":"porto","port":8554}]})"));
    EXPECT_EQ(session.reachable(), std::nullopt);
    said.clear();
    const char* closed = R"({"message":"Port 8554 at 10.0.0.1 is closed","name":"porto",)"
                         R"("clients":[{"ip":"10.0.0.1","stream":false,"name":"porto","port":8554}]})";
    words(session.received(now, closed));
    EXPECT_EQ(session.reachable(), false);
    EXPECT_THAT(all_said(), HasSubstr("cannot reach this node's stream (Port 8554 at 10.0.0.1 is closed)"));
    words(session.received(now, R"({"message":"Port 8554 at 10.0.0.1 is open","name":"porto",)"
                                R"("clients":[{"ip":"10.0.0.1","stream":true,"name":"porto","port":8554}]})"));
    EXPECT_EQ(session.reachable(), true);
}

constexpr const char* newer_welcome =
    R"({"name":"porto","ip":"10.0.0.1","port":8554,"stream":true,"message":"open","matriz":1,"clients":[],"n_clients":0,)"
    R"("ice_servers":[{"urls":["stun:a.example"]}]})";

TEST_F(SessionTest, SignalsGoBothWaysOnceRegistered) {
    EXPECT_THAT(words(session.signal("lisboa", Json::Value("hello"))), IsEmpty());
    register_it(newer_welcome);
    EXPECT_THAT(words(session.signal("lisboa", Json::Value("hello"))),
                ElementsAre(R"(send {"signal":"hello","to":"lisboa"})"));
    EXPECT_THAT(words(session.received(now, R"({"signal":{"webrtc":1},"from":"lisboa"})")),
                ElementsAre(R"(signal from lisboa {"webrtc":1})"));
    EXPECT_THAT(words(session.received(now, R"({"signal":{"webrtc":1}})")), IsEmpty()) << "nobody sent it";
    EXPECT_THAT(words(session.received(now, R"({"signal":1,"from":"porto"})")), IsEmpty()) << "an own one";
    words(session.closed(now, {.code = 0, .text = "gone", .opened = true}));
    EXPECT_THAT(words(session.signal("lisboa", Json::Value("hello"))), IsEmpty());
}

TEST_F(SessionTest, ARefusedSignalIsNoWarning) {
    register_it(newer_welcome);
    words(session.received(now, R"({"message":"\"lisboa\" is not in this room","error":"signal"})"));
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].level, log::Level::debug);
    words(session.received(now, R"({"message":"not understood","error":"message"})"));
    EXPECT_EQ(said.back().level, log::Level::warning);
}

TEST_F(SessionTest, IceServersAreThoseOfTheNewestMessage) {
    words(session.start(now));
    words(session.opened(now));
    EXPECT_THAT(words(session.received(now, newer_welcome)), ElementsAre("ice stun:a.example", "list as porto"));
    EXPECT_THAT(words(session.received(now, R"({"ice_servers":[{"urls":["turn:b.example"]}]})")),
                ElementsAre("ice turn:b.example"));
    EXPECT_THAT(words(session.received(now, R"({"ice_servers":[]})")), ElementsAre("ice"));
}

TEST_F(SessionTest, AnOriginalServerVouchesForNothing) {
    register_it();
    EXPECT_THAT(words(session.signal("lisboa", Json::Value("hello"))), IsEmpty()) << "it would tell everybody";
    EXPECT_THAT(words(session.received(now, R"({"signal":1,"from":"lisboa"})")), IsEmpty());
    EXPECT_THAT(words(session.received(now, R"({"ice_servers":[{"urls":["turn:spy.example"]}]})")), IsEmpty());
}

TEST_F(SessionTest, PublishesEachNewList) {
    register_it();
    EXPECT_THAT(words(session.received(
                    now, R"({"message":"[lisboa] disconnected from config server","name":"lisboa","clients":[]})")),
                ElementsAre("list as porto"));
    EXPECT_THAT(all_said(), HasSubstr("disconnected"));
}

TEST_F(SessionTest, AListInPlaceOfTheReplyCountsToo) {
    words(session.start(now));
    words(session.opened(now));
    EXPECT_THAT(words(session.received(now, R"({"clients":[]})")), ElementsAre("list as porto"));
    EXPECT_EQ(session.state(), State::registered);
}

TEST_F(SessionTest, ListenersAreKeptThroughARestartOfTheServerToo) {
    register_it(R"({"name":"porto","ip":"10.0.0.1","port":1,"stream":true,"clients":[],)"
                R"("listeners":[{"name":"braga","ip":"10.0.0.3","port":1}]})");
    words(session.closed(now, {.code = 1012, .text = "restart", .opened = true}));
    pass(milliseconds{500});
    words(session.opened(now));
    EXPECT_THAT(words(session.received(now, R"({"name":"porto","ip":"10.0.0.1","port":1,"stream":true,"clients":[]})")),
                ElementsAre("list and braga as porto"));
    Words all;
    for (int i = 0; i < 46; ++i) {
        session.heard(now);
        for (const auto& word : pass(seconds{1})) all.push_back(word);
    }
    EXPECT_THAT(all, ElementsAre("list as porto"));
}

TEST_F(SessionTest, ARefusedMessageIsSaid) {
    register_it();
    EXPECT_THAT(words(session.received(now, R"({"message":"too much","error":"message"})")), IsEmpty());
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].level, log::Level::warning);
    EXPECT_THAT(said[0].text, HasSubstr("too much"));
}

TEST_F(SessionTest, GarbageIsSaidAndHarmsNothing) {
    register_it();
    for (const char* text : {"", "{", "[]", "7", "\"x\"", R"({"clients":7})", R"({"clients":[{"port":-1}]})"}) {
        said.clear();
        EXPECT_THAT(words(session.received(now, text)), IsEmpty()) << text;
        EXPECT_THAT(all_said(), HasSubstr("ignored")) << text;
    }
    EXPECT_THAT(words(session.received(now, R"({"refresh":true})")), IsEmpty());
    EXPECT_EQ(session.state(), State::registered);
}

TEST_F(SessionTest, NeverSaysItsKey) {
    words(session.start(now));
    words(session.opened(now));
    words(session.closed(now, {.code = 1008, .text = "unknown key", .opened = true}));
    EXPECT_THAT(all_said(), Not(HasSubstr("secret")));
}

TEST_F(SessionTest, ReconnectsAndRegistersAgainWithTheOldListMeanwhile) {
    register_it();
    EXPECT_THAT(words(session.closed(now, {.code = 1001, .text = "the server hung up", .opened = true})), IsEmpty());
    EXPECT_EQ(session.state(), State::waiting);
    EXPECT_EQ(session.last_error(), "the server hung up");
    EXPECT_THAT(all_said(), HasSubstr("playing on"));
    EXPECT_THAT(pass(milliseconds{500}), ElementsAre("connect"));
    EXPECT_THAT(words(session.opened(now)), ElementsAre(HasSubstr("register")));
    // A server that was restarted lists nobody yet: lisboa is kept for 45 s.
    EXPECT_THAT(words(session.received(now, alone)), ElementsAre("list porto lisboa as porto"));
    Words all;
    for (int i = 0; i < 46; ++i) {
        session.heard(now);
        for (const auto& word : pass(seconds{1})) all.push_back(word);
    }
    EXPECT_THAT(all, ElementsAre("list porto as porto"));
}

TEST_F(SessionTest, BacksOffExponentiallyForEver) {
    words(session.start(now));
    milliseconds longest{0};
    for (int i = 0; i < 200; ++i) {
        EXPECT_THAT(words(session.closed(now, {.code = 0, .text = "refused", .opened = false})), IsEmpty());
        const auto wait = std::chrono::duration_cast<milliseconds>(*session.deadline() - now);
        EXPECT_LE(wait, seconds{30});
        if (i < 4) {
            EXPECT_LE(wait, milliseconds{500 << i});
        }
        longest = std::max(longest, wait);
        EXPECT_THAT(pass(wait), ElementsAre("connect"));
    }
    EXPECT_GT(longest, seconds{25});
}

TEST_F(SessionTest, AnotherNetworkMeansAnotherConnectionAtOnce) {
    EXPECT_THAT(words(session.reconnect(now)), IsEmpty()) << "before the start there is nothing to do anew";
    session.start(now);
    EXPECT_THAT(words(session.reconnect(now)), ElementsAre("drop", "connect"));
    session.opened(now);
    session.received(now, welcome);
    EXPECT_THAT(words(session.reconnect(now)), ElementsAre("drop", "connect"));
    EXPECT_EQ(session.state(), State::connecting);
    session.closed(now, {.text = "no network"});
    ASSERT_EQ(session.state(), State::waiting);
    EXPECT_THAT(words(session.reconnect(now)), ElementsAre("connect")) << "without waiting out the backoff";
}

TEST_F(SessionTest, RepeatsItsComplaintsOnlyForDebugging) {
    words(session.start(now));
    for (int i = 0; i < 3; ++i) {
        words(session.closed(now, {.code = 0, .text = "refused", .opened = false}));
        words(session.tick(*session.deadline()));
    }
    ASSERT_GE(said.size(), 3U);
    EXPECT_EQ(said[0].level, log::Level::warning);
    EXPECT_EQ(said[1].level, log::Level::debug);
    EXPECT_EQ(said[2].level, log::Level::debug);
}

TEST_F(SessionTest, AStableSessionStartsTheBackoffAnewAndAFlappingOneDoesNot) {
    const auto lose = [this] {
        words(session.closed(now, {.code = 0, .text = "gone", .opened = true}));
        return std::chrono::duration_cast<milliseconds>(*session.deadline() - now);
    };
    const auto come_back = [this] {
        pass(seconds{30});
        words(session.opened(now));
        words(session.received(now, welcome));
    };
    register_it();
    milliseconds longest{0};
    for (int i = 0; i < 60; ++i) {  // registered, but never for long
        longest = std::max(longest, lose());
        words(session.tick(*session.deadline()));
        words(session.opened(now));
        words(session.received(now, welcome));
    }
    EXPECT_GT(longest, seconds{10});
    lose();
    words(session.tick(*session.deadline()));
    come_back();
    for (int i = 0; i < 11; ++i) {
        session.heard(now);
        pass(seconds{1});
    }
    EXPECT_LE(lose(), milliseconds{500});
}

TEST_F(SessionTest, ASilentServerIsDeadWithinTenSeconds) {
    register_it();
    session.heard(now);
    const auto last_pong = now;
    EXPECT_THAT(pass(milliseconds{8999}), IsEmpty());
    EXPECT_EQ(session.state(), State::registered);
    EXPECT_THAT(pass(milliseconds{1}), ElementsAre("drop"));
    EXPECT_EQ(session.state(), State::waiting);
    EXPECT_LE(now - last_pong, seconds{10});
    EXPECT_THAT(session.last_error(), HasSubstr("silent"));
}

TEST_F(SessionTest, PongsAndMessagesBothKeepItAlive) {
    register_it();
    for (int i = 0; i < 20; ++i) {
        EXPECT_THAT(pass(seconds{5}), IsEmpty());
        if (i % 2 == 0)
            session.heard(now);
        else
            words(session.received(now, R"({"x":1})"));
    }
    EXPECT_EQ(session.state(), State::registered);
}

TEST_F(SessionTest, ATryThatHangsIsGivenUp) {
    words(session.start(now));
    EXPECT_THAT(pass(seconds{10}), ElementsAre("drop"));
    EXPECT_EQ(session.state(), State::waiting);
}

TEST_F(SessionTest, AServerThatPongsButNeverAnswersIsLeft) {
    words(session.start(now));
    words(session.opened(now));
    Words all;
    for (int i = 0; i < 15 && all.empty(); ++i) {
        session.heard(now);
        all = pass(seconds{1});
    }
    EXPECT_THAT(all, ElementsAre("drop"));
    EXPECT_THAT(session.last_error(), HasSubstr("no answer to the register"));
}

TEST_F(SessionTest, AWrongKeyIsSaidAndTriedSlowly) {
    words(session.start(now));
    for (int i = 0; i < 20; ++i) {
        words(session.opened(now));
        words(session.closed(now,
                             {.code = 1000, .text = "the server closed the connection (code 1000)", .opened = true}));
        EXPECT_THAT(session.last_error(), HasSubstr("`key`"));
        const auto wait = std::chrono::duration_cast<milliseconds>(*session.deadline() - now);
        EXPECT_GE(wait, seconds{10});
        EXPECT_LE(wait, seconds{30});
        EXPECT_THAT(pass(wait), ElementsAre("connect"));
    }
}

TEST_F(SessionTest, ARefusalInWordsIsRepeatedAsItIs) {
    for (const std::uint16_t code : {std::uint16_t{1008}, std::uint16_t{4001}}) {
        Session one({.name = "porto", .key = "k", .port = 8554, .version = 1}, Times{}, 1);
        words(one.start(now));
        words(one.opened(now));
        words(one.closed(now, {.code = code, .text = "the server closed the connection: no such key", .opened = true}));
        EXPECT_EQ(one.last_error(), "the server closed the connection: no such key");
        EXPECT_GE(*one.deadline() - now, seconds{10});
    }
}

TEST_F(SessionTest, BeingReplacedByAnotherNodeWithThisKeyIsNoHotLoop) {
    register_it();
    words(session.closed(now, {.code = 4000, .text = "replaced", .opened = true}));
    EXPECT_GE(*session.deadline() - now, seconds{10});
}

TEST_F(SessionTest, LeavesWithAGoodbye) {
    register_it();
    EXPECT_THAT(words(session.leave(now, false)), ElementsAre(R"(send {"deregister":""})", "close"));
    EXPECT_THAT(words(session.leave(now, false)), IsEmpty());
    EXPECT_THAT(words(session.closed(now, {.code = 1000, .text = "", .opened = true})), ElementsAre("left"));
    EXPECT_EQ(session.deadline(), std::nullopt);
    EXPECT_THAT(words(session.start(now)), ElementsAre("connect"));
}

TEST_F(SessionTest, LeavesADeadServerAfterASecond) {
    register_it();
    words(session.leave(now, false));
    EXPECT_THAT(pass(seconds{1}), ElementsAre("drop", "left"));
    EXPECT_EQ(session.state(), State::idle);
}

TEST_F(SessionTest, ComesBackEvenWhileItLeaves) {
    register_it();
    words(session.leave(now, true));
    EXPECT_THAT(words(session.start(now)), ElementsAre("drop", "left", "connect"));
    EXPECT_EQ(session.state(), State::connecting);
}

TEST_F(SessionTest, LeavesAtOnceWhenItIsNotRegistered) {
    EXPECT_THAT(words(session.leave(now, false)), ElementsAre("left"));
    words(session.start(now));
    EXPECT_THAT(words(session.leave(now, false)), ElementsAre("drop", "left"));
    words(session.start(now));
    words(session.opened(now));
    EXPECT_THAT(words(session.leave(now, false)), ElementsAre("drop", "left"));
    words(session.start(now));
    words(session.closed(now, {.code = 0, .text = "x", .opened = false}));
    EXPECT_THAT(words(session.leave(now, false)), ElementsAre("drop", "left"));
    EXPECT_THAT(pass(seconds{100}), IsEmpty());
}

TEST_F(SessionTest, DeregisteringForgetsTheMesh) {
    register_it();
    EXPECT_THAT(words(session.leave(now, true)), ElementsAre(HasSubstr("deregister"), "close", "list as porto"));
}

TEST_F(SessionTest, EventsOfAnOldConnectionDoNothing) {
    EXPECT_THAT(words(session.opened(now)), ElementsAre("drop"));
    EXPECT_THAT(words(session.received(now, welcome)), IsEmpty());
    EXPECT_THAT(words(session.closed(now, {})), IsEmpty());
    EXPECT_THAT(words(session.tick(now)), IsEmpty());
    EXPECT_EQ(session.state(), State::idle);
}

TEST(SessionStates, HaveNames) {
    EXPECT_EQ(name(State::idle), "idle");
    EXPECT_EQ(name(State::connecting), "connecting");
    EXPECT_EQ(name(State::registering), "registering");
    EXPECT_EQ(name(State::registered), "registered");
    EXPECT_EQ(name(State::waiting), "waiting");
    EXPECT_EQ(name(State::leaving), "leaving");
}

}  // namespace
}  // namespace matriz::control

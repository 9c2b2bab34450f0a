// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/registry/registry.hpp"

namespace matriz::registry {
namespace {

using Joined = Registry::Joined;

Member member(SessionId session, const char* name, const char* room = "default", std::uint16_t port = 8554) {
    return {
        .session = session, .name = name, .room = room, .ip = "192.0.2.1", .port = port, .stream = false, .version = 1};
}

std::string names(const Registry& registry, const char* room = "default") {
    std::string text;
    for (const Member* one : registry.members(room)) text += one->name + " ";
    return text;
}

TEST(Registry, KeepsTheOrderOfComing) {
    Registry registry;
    EXPECT_EQ(registry.join(member(1, "c")).what, Joined::fresh);
    registry.join(member(2, "a"));
    registry.join(member(3, "b"));
    EXPECT_EQ(names(registry), "c a b ");
    EXPECT_EQ(registry.leave(2)->name, "a");
    EXPECT_EQ(names(registry), "c b ");
    EXPECT_FALSE(registry.leave(2));
    EXPECT_EQ(registry.size(), 2U);
}

TEST(Registry, AnotherIdentityIsAChange) {
    Registry registry;
    registry.join(member(1, "a"));
    const auto one = registry.version("default");
    Member again = member(2, "a");
    again.fingerprint = "AB";
    EXPECT_EQ(registry.join(again).what, Joined::changed);
    EXPECT_EQ(registry.version("default"), one + 1);
    again.session = 3;
    EXPECT_EQ(registry.join(again).what, Joined::unchanged);
    again.rtsp_tls = true;
    EXPECT_EQ(registry.join(again).what, Joined::changed);
    again.rtsp_only = true;
    EXPECT_EQ(registry.join(again).what, Joined::changed);
    EXPECT_EQ(registry.find_owner("a")->fingerprint, "AB");
}

TEST(Registry, EachChangeHasItsVersionAndNothingElseHas) {
    Registry registry;
    EXPECT_EQ(registry.version("default"), 0U);
    registry.join(member(1, "a"));
    const auto one = registry.version("default");
    EXPECT_EQ(registry.join(member(2, "a")).what, Joined::unchanged);
    EXPECT_EQ(registry.version("default"), one);
    EXPECT_EQ(registry.join(member(3, "a", "default", 9)).what, Joined::changed);
    EXPECT_EQ(registry.version("default"), one + 1);
    EXPECT_TRUE(registry.set_stream(3, true));
    EXPECT_FALSE(registry.set_stream(3, true));
    EXPECT_EQ(registry.version("default"), one + 2);
    registry.leave(3);
    EXPECT_EQ(registry.version("default"), one + 3);
    registry.touch("default");
    EXPECT_EQ(registry.version("default"), one + 4);
}

TEST(Registry, ANewerSessionTakesOver) {
    Registry registry;
    registry.join(member(1, "a"));
    registry.join(member(2, "b"));
    registry.set_stream(1, true);
    const auto result = registry.join(member(3, "a"));
    EXPECT_EQ(result.former->session, 1U);
    EXPECT_TRUE(registry.find(3)->stream) << "the port was reached a moment ago";
    EXPECT_EQ(names(registry), "a b ");
    EXPECT_FALSE(registry.leave(1)) << "the former session has nothing to take with it";
    EXPECT_EQ(registry.find_owner("a")->session, 3U);
    EXPECT_EQ(registry.join(member(3, "a")).what, Joined::unchanged) << "the same session again";
    EXPECT_FALSE(registry.join(member(4, "a", "default", 9)).former->port == 9);
    EXPECT_FALSE(registry.find(4)->stream) << "another port was not reached yet";
}

TEST(Registry, MovesBetweenRooms) {
    Registry registry;
    registry.join(member(1, "a", "x"));
    registry.join(member(2, "b", "x"));
    const auto result = registry.join(member(3, "a", "y"));
    EXPECT_EQ(result.what, Joined::moved);
    EXPECT_EQ(result.former->room, "x");
    EXPECT_EQ(names(registry, "x"), "b ");
    EXPECT_EQ(names(registry, "y"), "a ");
    EXPECT_EQ(registry.version("x"), 3U);
    EXPECT_EQ(registry.rooms(), (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(registry.count("x"), 1U);
    registry.leave(2);
    EXPECT_EQ(registry.rooms(), std::vector<std::string>{"y"});
}

TEST(Registry, AGuestsNameIsItsOwnInItsRoomOnly) {
    Registry registry;
    Member first = member(1, "ana", "x");
    Member second = member(2, "ana", "y");
    first.guest = second.guest = true;
    EXPECT_EQ(registry.join(first).what, Joined::fresh);
    EXPECT_EQ(registry.join(second).what, Joined::fresh);
    EXPECT_EQ(registry.find_name("ana", "x")->session, 1U);
    EXPECT_EQ(registry.find_name("ana", "y")->session, 2U);
    EXPECT_EQ(registry.find_name("ana", "z"), nullptr);
    EXPECT_EQ(registry.find_owner("ana"), nullptr);
    first.session = 3;
    EXPECT_EQ(registry.join(first).former->session, 1U);
    registry.leave(3);
    EXPECT_EQ(registry.find_name("ana", "x"), nullptr);
    EXPECT_EQ(names(registry, "y"), "ana ");
    registry.join(member(4, "porto", "x"));
    EXPECT_EQ(registry.find_name("porto", "x")->session, 4U);
    EXPECT_EQ(registry.find_name("porto", "y"), nullptr) << "it is in another room";
}

}  // namespace
}  // namespace matriz::registry

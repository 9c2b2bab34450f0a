// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/protocol/codec.hpp"
#include "common/protocol/limits.hpp"
#include "configserver/rooms/rooms.hpp"

namespace matriz::rooms {
namespace {

using auth::Identity;
using auth::Role;

const Identity porto{Role::node, "porto"};
const Identity lisboa{Role::node, "lisboa"};

Rooms make() {
    std::vector<settings::Room> list(4);
    list[0].name = "closed";
    list[0].members = {"porto"};
    list[1].name = "guests";
    list[1].key = "k";
    list[2].name = "both";
    list[2].key = "k";
    list[2].members = {"lisboa"};
    list[3].name = "small";
    list[3].limit = 2;
    Rooms rooms;
    rooms.configure(list, "default");
    return rooms;
}

std::string where(const Rooms& rooms, const Identity& who, const std::string& wanted, std::size_t present = 0) {
    const auto admission = rooms.admit(who, wanted, [&](const std::string&) { return present; });
    return admission.room.empty() ? "!" + admission.code : admission.room;
}

TEST(Rooms, Admission) {
    const Rooms rooms = make();
    EXPECT_EQ(where(rooms, porto, ""), "default");
    EXPECT_EQ(where(rooms, porto, "default"), "default");
    EXPECT_EQ(where(rooms, porto, "closed"), "closed");
    EXPECT_EQ(where(rooms, lisboa, "closed"), "!room");
    EXPECT_EQ(where(rooms, porto, "guests"), "!room");
    EXPECT_EQ(where(rooms, lisboa, "both"), "both");
    EXPECT_EQ(where(rooms, porto, "both"), "!room");
    EXPECT_EQ(where(rooms, porto, "nowhere"), "!room");
    EXPECT_EQ(where(rooms, {Role::guest, "guests"}, ""), "guests");
    EXPECT_EQ(where(rooms, {Role::guest, "guests"}, "guests"), "guests");
    EXPECT_EQ(where(rooms, {Role::guest, "guests"}, "both"), "!room");
    EXPECT_EQ(where(rooms, porto, "small", 1), "small");
    EXPECT_EQ(where(rooms, porto, "small", 2), "!full");
}

TEST(Rooms, AKeyMadeAtRunTimeOpensRooms) {
    Rooms rooms = make();
    rooms.set_rooms_of("lisboa", {"closed", "guests", "later"});
    EXPECT_EQ(where(rooms, lisboa, "closed"), "closed");
    EXPECT_EQ(where(rooms, lisboa, "guests"), "guests");
    EXPECT_EQ(where(rooms, lisboa, "both"), "both") << "what the config says stays";
    EXPECT_EQ(where(rooms, lisboa, "later"), "!room");
    EXPECT_EQ(where(rooms, porto, "guests"), "!room");
    EXPECT_EQ(where(rooms, {Role::guest, "both"}, "closed"), "!room");
    std::vector<settings::Room> list(2);
    list[0].name = "closed";
    list[0].members = {"porto"};
    list[1].name = "later";
    list[1].members = {"porto"};
    rooms.configure(list, "closed");
    EXPECT_EQ(where(rooms, lisboa, ""), "closed");
    EXPECT_EQ(where(rooms, lisboa, "later"), "later");
    EXPECT_EQ(where(rooms, lisboa, "guests"), "!room");
    rooms.set_rooms_of("lisboa", {});
    EXPECT_EQ(where(rooms, lisboa, "closed"), "!room");
}

TEST(Rooms, ARoomThatIsClosedLooksLikeOneThatIsNotThere) {
    const Rooms rooms = make();
    const auto nobody = [](const std::string&) { return std::size_t{0}; };
    std::string closed = rooms.admit(lisboa, "closed", nobody).refusal;
    std::string missing = rooms.admit(lisboa, "absent", nobody).refusal;
    closed.replace(closed.find("closed"), 6, "R");
    missing.replace(missing.find("absent"), 6, "R");
    EXPECT_EQ(closed, missing);
}

TEST(Rooms, TheMatrixSaysWhoHearsWhom) {
    Rooms rooms = make();
    EXPECT_TRUE(rooms.audible("default", "a", "b"));
    rooms.set_routes("default", {{"a", {"b"}}, {"c", {}}});
    EXPECT_TRUE(rooms.audible("default", "a", "b"));
    EXPECT_FALSE(rooms.audible("default", "a", "c"));
    EXPECT_TRUE(rooms.audible("default", "b", "c")) << "not named: hears everyone";
    EXPECT_FALSE(rooms.audible("default", "c", "a"));
    EXPECT_TRUE(rooms.audible("default", "c", "c"));
    EXPECT_TRUE(rooms.audible("other", "c", "a"));
    rooms.set_routes("default", {});
    EXPECT_TRUE(rooms.audible("default", "c", "a"));
    EXPECT_EQ(rooms.routes("default"), nullptr);
}

TEST(Rooms, TheListOfAFullOneFitsIntoAMessage) {
    protocol::ClientList list;
    list.message = std::string(protocol::max_text, '"');
    list.name = std::string(protocol::max_name, '"');
    list.room = list.name;
    list.epoch = std::string(32, 'f');
    list.version = ~std::uint64_t{0};
    const protocol::ClientInfo longest{.name = list.name,  // each byte of it is escaped
                                       .ip = "2001:0db8:ffff:ffff:ffff:ffff:255.255.255.255",
                                       .port = 65535,
                                       .stream = false,
                                       .version = 1,
                                       .fingerprint = std::string(95, 'A'),
                                       .rtsp_tls = true,
                                       .rtsp_only = true};
    list.clients.assign(static_cast<std::size_t>(settings::max_room), longest);
    EXPECT_LT(encode(list).size() + 48 * 1024, protocol::max_message) << "with room for STUN and TURN servers";
    for (const int limit : {settings::max_room, settings::max_room + 1}) {
        const auto document =
            config::Document::parse(fmt::format(R"({{"rooms":[{{"name":"a","limit":{}}}]}})", limit), "clients.json");
        config::Problems warnings;
        if (limit == settings::max_room)
            EXPECT_NO_THROW(settings::schema().load(document, warnings));
        else
            EXPECT_THROW(settings::schema().load(document, warnings), config::ConfigError);
    }
}

}  // namespace
}  // namespace matriz::rooms

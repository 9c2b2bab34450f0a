// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/protocol/codec.hpp"
#include "common/protocol/key_request.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

using Names = std::set<std::string>;

TEST(KeyRequest, SaysWhichRooms) {
    const KeyRequest request = decode_key_request(R"({"name":"ana","rooms":["b","a","b"],"later":1})");
    EXPECT_EQ(request.name, "ana");
    EXPECT_EQ(request.rooms, (Names{"a", "b"}));
    EXPECT_EQ(decode_key_request(R"({"name":"ana","rooms":[]})").rooms, Names{});
    EXPECT_EQ(decode_key_request(R"({"name":"ana"})").rooms, std::nullopt);
    EXPECT_EQ(decode_key_request(R"({"name":"ana","rooms":null})").rooms, std::nullopt);
    EXPECT_EQ(decode_key_request("{}").name, "");
}

TEST(KeyRequest, RefusesWhatIsNoListOfNames) {
    for (const char* text :
         {"", "[]", "{", R"({"name":1})", R"({"rooms":"a"})", R"({"rooms":{"a":1}})", R"({"rooms":[""]})",
          R"({"rooms":[1]})", R"({"rooms":[null]})", R"({"rooms":["a\u0000"]})", "{\"name\":\"\xff\"}"})
        EXPECT_THROW(decode_key_request(text), Malformed) << text;
    EXPECT_THROW(decode_key_request("{\"name\":\"" + std::string(max_name + 1, 'x') + "\"}"), Malformed);
    EXPECT_THROW(decode_key_request("{\"rooms\":[\"" + std::string(max_name + 1, 'x') + "\"]}"), Malformed);
    std::string many = "\"a\"";
    for (std::size_t i = 1; i < max_rooms_of_key; ++i) many += ",\"a\"";
    EXPECT_EQ(decode_key_request("{\"rooms\":[" + many + "]}").rooms, Names{"a"});
    EXPECT_THROW(decode_key_request("{\"rooms\":[" + many + ",\"a\"]}"), Malformed);
}

TEST(KeyRequest, RoomsAreKeptAsTheyAre) {
    const Names odd{"a\"\\", "é", "r"};
    EXPECT_EQ(decode_rooms(encode_rooms(odd)), odd);
    EXPECT_EQ(decode_rooms(encode_rooms({})), Names{});
    EXPECT_EQ(decode_rooms(""), Names{});
    EXPECT_THROW(decode_rooms("rubbish"), Malformed);
}

}  // namespace
}  // namespace matriz::protocol

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/base/error.hpp"
#include "configserver/hooks/render.hpp"

namespace matriz::hooks {
namespace {

const std::vector<RoomView> rooms = {
    {"fado",
     {{.name = "porto", .ip = "192.0.2.1", .port = 1, .stream = true}, {.name = "lisboa", .ip = "::1", .port = 2}}},
    {"jazz", {{.name = "9 lives", .ip = "192.0.2.3", .port = 3}}}};

TEST(Render, RepeatsClientsAndRooms) {
    EXPECT_EQ(render("plain", rooms), "plain");
    EXPECT_EQ(render("{{#clients}}{{name}}={{ip}}:{{port}}\n{{/clients}}", rooms),
              "porto=192.0.2.1:1\nlisboa=::1:2\n9 lives=192.0.2.3:3\n");
    EXPECT_EQ(render("{{#rooms}}[{{room}}]{{#clients}} {{id}}{{/clients}}\n{{/rooms}}end", rooms),
              "[fado] porto lisboa\n[jazz] _9_lives\nend");
    EXPECT_EQ(render("{{#clients}}{{#streaming}}{{name}}@{{room}}{{/streaming}};{{/clients}}", rooms), "porto@fado;;;");
    EXPECT_EQ(render("<{{#clients}}{{name}}{{/clients}}>", {}), "<>");
}

TEST(Render, NamesCannotBreakOutOfQuotes) {
    const std::vector<RoomView> evil = {{"r", {{.name = "a\"b\\c#{d}$(e)`f`\n", .ip = "x", .port = 1}}}};
    EXPECT_EQ(render("{{#clients}}\"{{name}}\"{{/clients}}", evil),
              R"("a\u0022b\u005cc\u0023{d}\u0024(e)\u0060f\u0060\u000a")");
    EXPECT_EQ(render("{{#clients}}{{id}}{{/clients}}", evil), "a_b_c__d___e__f__");
}

struct Wrong {
    const char* text;
    const char* said;
};
class WrongTemplate : public testing::TestWithParam<Wrong> {};
TEST_P(WrongTemplate, SaysWhere) {
    try {
        render(GetParam().text, rooms);
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(GetParam().said), std::string::npos) << error.what();
    }
}
INSTANTIATE_TEST_SUITE_P(All, WrongTemplate,
                         testing::Values(Wrong{"\n{{name}}", "line 2"}, Wrong{"{{#clients}}", "not closed"},
                                         Wrong{"{{/clients}}", "closes nothing"}, Wrong{"a{{", "without"},
                                         Wrong{"{{#clients}}{{/rooms}}{{/clients}}", "closes nothing"},
                                         Wrong{"{{#x}}{{/x}}", "there is no section"},
                                         Wrong{"{{#clients}}{{secret}}{{/clients}}", "stands for nothing"},
                                         Wrong{"{{#streaming}}{{/streaming}}", "only for a client"}));

}  // namespace
}  // namespace matriz::hooks

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/port_prefix.hpp"

#include <glib.h>
#include <gtest/gtest.h>

namespace matriz::receiver {
namespace {

TEST(PortPrefix, LeavesOrdinaryNamesAlone) {
    for (const auto* name : {"porto", "São Paulo", "montemor-o-novo", "node_2", "東京", "a"})
        EXPECT_EQ(port_prefix(name), name);
}

TEST(PortPrefix, NothingThatJackOrATerminalMightMistake) {
    for (const std::string_view name :
         {std::string_view("a:b"), std::string_view("a/b"), std::string_view("a\nb"), std::string_view("a\x1b[31mb"),
          std::string_view("a\0b", 3), std::string_view("\xff\xfe"), std::string_view("\xe2\x80\xae"),
          std::string_view("")}) {
        const std::string prefix = port_prefix(name);
        EXPECT_FALSE(prefix.empty());
        EXPECT_TRUE(g_utf8_validate(prefix.data(), static_cast<gssize>(prefix.size()), nullptr)) << prefix;
        EXPECT_EQ(prefix.find_first_of(std::string_view(":/\\\n\x1b\0", 6)), std::string::npos) << prefix;
    }
}

TEST(PortPrefix, NamesThatDifferStayDifferent) {
    EXPECT_NE(port_prefix("a:b"), port_prefix("a/b"));
    EXPECT_NE(port_prefix("a:b"), port_prefix("a_b"));
    EXPECT_EQ(port_prefix("a:b"), port_prefix("a:b"));
    const std::string lengthy(500, 'x');
    EXPECT_NE(port_prefix(lengthy + "1"), port_prefix(lengthy + "2"));
}

TEST(PortPrefix, IsBoundedAtAWholeCharacter) {
    std::string name = "x";
    for (int i = 0; i < 100; ++i) name += "é";
    const std::string prefix = port_prefix(name);
    EXPECT_LE(prefix.size(), 64u + 9);
    EXPECT_TRUE(g_utf8_validate(prefix.c_str(), -1, nullptr));
}

}  // namespace
}  // namespace matriz::receiver

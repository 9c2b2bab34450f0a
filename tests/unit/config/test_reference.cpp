// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/config/schema.hpp"

namespace matriz::config {
namespace {

const std::vector<std::string> known{"port", "name", "receive", "receive_from_ip", "receive_from_port"};

TEST(Nearest, FindsTheSlipOfTheFinger) {
    EXPECT_EQ(nearest("prot", known), "port");
    EXPECT_EQ(nearest("nmae", known), "name");
    EXPECT_EQ(nearest("ptro", known), std::nullopt);
    EXPECT_EQ(nearest("pot", known), "port");
    EXPECT_EQ(nearest("recieve", known), "receive");
    EXPECT_EQ(nearest("receive_form_ip", known), "receive_from_ip");
    EXPECT_EQ(nearest("xyzzy", known), std::nullopt);
    EXPECT_EQ(nearest("", known), std::nullopt);
    EXPECT_EQ(nearest("port", {}), std::nullopt);
    EXPECT_EQ(nearest(std::string(10'000, 'p'), known), std::nullopt);
}

TEST(AsJson, IsShort) {
    EXPECT_EQ(as_json("é"), "\"é\"");
    EXPECT_EQ(as_json(2.5), "2.5");
    EXPECT_LE(as_json(std::string(1000, 'x')).size(), 90U);
}

TEST(Reference, HasEachKeyWithItsDefault) {
    const std::vector<KeyDoc> keys{{"port", "an integer from 1 to 65535", "8554", "TCP port."},
                                   {"mode", "\"a|b\"", "", "Which | of them."}};
    EXPECT_EQ(help_text(keys),
              "  port: an integer from 1 to 65535 (default 8554)\n      TCP port.\n  mode: \"a|b\"\n      Which | of "
              "them.\n");
    EXPECT_EQ(markdown_table(keys),
              "| key | accepted | default | meaning |\n| --- | --- | --- | --- |\n"
              "| `port` | an integer from 1 to 65535 | `8554` | TCP port. |\n"
              "| `mode` | \"a\\|b\" |  | Which \\| of them. |\n");
}

}  // namespace
}  // namespace matriz::config

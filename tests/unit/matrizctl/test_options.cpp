// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "matrizctl/options.hpp"

namespace matriz::ctl {
namespace {

using Command = Options::Command;

TEST(Options, StatusWithDefaults) {
    const Options options = parse_options({"status"});
    EXPECT_EQ(options.command, Command::status);
    EXPECT_EQ(options.host, "127.0.0.1");
    EXPECT_EQ(options.port, 8555);
    EXPECT_FALSE(options.json);
    EXPECT_FALSE(options.watch);
}

TEST(Options, InAnyOrder) {
    for (const std::vector<std::string_view>& line : {
             std::vector<std::string_view>{"--json", "status", "--watch", "--control", "10.0.0.1:9000"},
             std::vector<std::string_view>{"status", "--control=10.0.0.1:9000", "--watch", "--json"},
         }) {
        const Options options = parse_options(line);
        EXPECT_TRUE(options.json && options.watch);
        EXPECT_EQ(options.host, "10.0.0.1");
        EXPECT_EQ(options.port, 9000);
    }
}

TEST(Options, FormsOfControl) {
    const auto read = [](std::string_view text) {
        const Options options = parse_options({"status", "--control", text});
        return options.host + " " + std::to_string(options.port);
    };
    EXPECT_EQ(read("[::1]:9000"), "::1 9000");
    EXPECT_EQ(read("[::1]"), "::1 8555");
    EXPECT_EQ(read("localhost"), "localhost 8555");
    EXPECT_EQ(read(":9000"), "127.0.0.1 9000");
    for (const char* text : {"", ":", "a:", "a:x", "a:0", "a:65536", "a:-1", "a:80x", "[::1", "[::1]9000", "::1"})
        EXPECT_THROW(read(text), UsageError) << text;
}

TEST(Options, HelpAndVersionWin) {
    EXPECT_EQ(parse_options({"status", "--help"}).command, Command::help);
    EXPECT_EQ(parse_options({"-h"}).command, Command::help);
    EXPECT_EQ(parse_options({"--version"}).command, Command::version);
    EXPECT_EQ(parse_options({"--help", "nonsense"}).command, Command::help);
}

TEST(Options, TrustMayNameAPeer) {
    EXPECT_EQ(parse_options({"trust"}).command, Command::trust);
    EXPECT_EQ(parse_options({"trust"}).name, "");
    const Options options = parse_options({"--json", "trust", "status", "--control", ":9000"});
    EXPECT_EQ(options.command, Command::trust);
    EXPECT_EQ(options.name, "status");
    EXPECT_EQ(options.port, 9000);
    EXPECT_THROW(parse_options({"trust", "a", "b"}), UsageError);
    EXPECT_THROW(parse_options({"status", "a"}), UsageError);
}

TEST(Options, WhatIsWrongIsNamed) {
    const auto error = [](std::vector<std::string_view> line) -> std::string {
        try {
            parse_options(line);
            return "";
        } catch (const UsageError& wrong) {
            return wrong.what();
        }
    };
    EXPECT_EQ(error({}), "no command given");
    EXPECT_EQ(error({"stop"}), "there is no command \"stop\"");
    EXPECT_EQ(error({"--quiet", "status"}), "there is no option --quiet");
    EXPECT_EQ(error({"status", "status"}), "one command is enough; what is \"status\" for?");
    EXPECT_EQ(error({"status", "--control"}), "--control wants HOST:PORT after it");
    EXPECT_EQ(error({"status", "--control", "a:b"}), "--control: \"a:b\" is not HOST:PORT");
}

}  // namespace
}  // namespace matriz::ctl

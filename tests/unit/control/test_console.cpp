// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "node/control/console.hpp"

namespace matriz::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ParseCommand, KnowsItsCommands) {
    EXPECT_EQ(parse_command("end"), Command::end);
    EXPECT_EQ(parse_command("  end\t\r"), Command::end);
    EXPECT_EQ(parse_command("deregister"), Command::deregister);
    EXPECT_EQ(parse_command("register"), Command::join);
    EXPECT_EQ(parse_command("help"), Command::help);
    for (const char* text : {"", "   ", "END", "end now", "ende", "\x1b[A"})
        EXPECT_EQ(parse_command(text), std::nullopt) << text;
}

TEST(ConsoleHelp, NamesEveryCommand) {
    for (const char* word : {"end", "deregister", "register", "help"})
        EXPECT_THAT(std::string(console_help()), HasSubstr(word));
}

class ConsoleTest : public testing::Test {
  protected:
    ~ConsoleTest() override {
        close(ends_[0]);
        hang_up();
    }
    void hang_up() {
        if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
    }
    void type(std::string_view text) {
        ASSERT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void settle() {
        while (g_main_context_iteration(nullptr, FALSE)) {
        }
    }

    static std::array<int, 2> make_pipe() {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(pipe(ends.data()), 0);
        return ends;
    }

    std::array<int, 2> ends_ = make_pipe();
    std::vector<Command> commands;
    std::vector<std::string> unknown;
    Console console{ends_[0],
                    {.command = [this](Command command) { commands.push_back(command); },
                     .unknown = [this](std::string_view line) { unknown.emplace_back(line); }}};
};

TEST_F(ConsoleTest, ReadsLineByLine) {
    type("end\nder");
    settle();
    EXPECT_THAT(commands, ElementsAre(Command::end));
    type("egister\nhello\n\n  \nhelp\n");
    settle();
    EXPECT_THAT(commands, ElementsAre(Command::end, Command::deregister, Command::help));
    EXPECT_THAT(unknown, ElementsAre("hello"));
}

TEST_F(ConsoleTest, AnEndlessLineIsNoCommand) {
    type(std::string(5000, ' ') + "end");
    settle();
    type("\nend\n");
    settle();
    EXPECT_THAT(commands, ElementsAre(Command::end));
}

TEST_F(ConsoleTest, EndOfInputEndsItQuietly) {
    type("end");
    hang_up();
    settle();
    EXPECT_FALSE(console.open());
    EXPECT_THAT(commands, IsEmpty());
}

}  // namespace
}  // namespace matriz::control

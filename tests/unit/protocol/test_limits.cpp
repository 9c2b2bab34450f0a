// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/protocol/limits.hpp"
#include "tests/unit/protocol/malformed.hpp"

namespace matriz::protocol {
namespace {

using test::client_fault;
using test::server_fault;
using testing::HasSubstr;

std::string registration(const char* key, const std::string& value) {
    return fmt::format(R"({{"register":"","{}":"{}"}})", key, value);
}

TEST(Limits, OfNamesKeysAndSentences) {
    EXPECT_EQ(client_fault(registration("name", std::string(max_name, 'x'))), "understood");
    EXPECT_EQ(client_fault(registration("name", std::string(max_name + 1, 'x'))), "\"name\" is longer than 64 bytes");
    EXPECT_EQ(client_fault(registration("key", std::string(max_key, 'x'))), "understood");
    EXPECT_EQ(client_fault(registration("key", std::string(max_key + 1, 'x'))), "\"key\" is longer than 256 bytes");
    const auto sentence = [](std::size_t size) { return fmt::format(R"({{"message":"{}"}})", std::string(size, 'x')); };
    EXPECT_EQ(server_fault(sentence(max_text)), "understood");
    EXPECT_EQ(server_fault(sentence(max_text + 1)), "\"message\" is longer than 1024 bytes");
}

TEST(Limits, ThatAKeyIsNeverRepeated) {
    for (const std::string& text :
         {registration("key", "secret" + std::string(300, 'x')), registration("key", "secret\\n")})
        EXPECT_THAT(client_fault(text), testing::Not(HasSubstr("secret")));
}

TEST(Limits, OfOneMessage) {
    const auto padded = [](std::size_t size) { return "{}" + std::string(size - 2, ' '); };
    EXPECT_EQ(client_fault(padded(max_message)), "understood");
    EXPECT_THAT(client_fault(padded(max_message + 1)), HasSubstr("more than the limit"));
}

TEST(Limits, OfNesting) {
    const auto nested = [](int depth) {
        std::string text = R"({"x":)";
        for (int i = 0; i < depth; ++i) text += '[';
        for (int i = 0; i < depth; ++i) text += ']';
        return text + "}";
    };
    EXPECT_EQ(client_fault(nested(max_depth - 3)), "understood");
    EXPECT_EQ(client_fault(nested(max_depth + 1)), "JSON nested too deeply");
    EXPECT_EQ(client_fault(nested(100'000)), "JSON nested too deeply");
    EXPECT_EQ(client_fault(test::escaped(nested(max_depth + 1))), "JSON nested too deeply");
}

TEST(Limits, OfTheClientList) {
    const auto list = [](std::size_t count) {
        std::string text = R"({"clients":[{})";
        for (std::size_t i = 1; i < count; ++i) text += ",{}";
        return text + "]}";
    };
    EXPECT_EQ(server_fault(list(max_clients)), "understood");
    EXPECT_EQ(server_fault(list(max_clients + 1)), "\"clients\" has more than 1024 entries");
}

}  // namespace
}  // namespace matriz::protocol

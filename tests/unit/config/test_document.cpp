// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/config/document.hpp"

namespace matriz::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string fault_of(const std::string& text) {
    try {
        Document::parse(text, "file.json");
        return "understood";
    } catch (const ConfigError& error) {
        return error.what();
    }
}

TEST(Document, KnowsTheLineOfEachValue) {
    const Document document = Document::parse("{\n  \"a\": 1,\n\n  \"b\": {\n    \"c\": [2,\n 3]\n  }\n}", "file.json");
    EXPECT_EQ(document.file(), "file.json");
    EXPECT_EQ(document.line_of(document.root()), 1);
    EXPECT_EQ(document.line_of(document.root()["a"]), 2);
    EXPECT_EQ(document.line_of(document.root()["b"]["c"]), 5);
    EXPECT_EQ(document.line_of(document.root()["b"]["c"][1]), 6);
}

TEST(Document, TakesComments) {
    EXPECT_EQ(Document::parse("// the node\n{ /* its name */ \"name\": \"porto\" }", "x").root()["name"], "porto");
}

TEST(Document, SyntaxErrorsHaveTheirLine) {
    EXPECT_THAT(fault_of("{\n\"a\": 1\n\"b\": 2\n}"), StartsWith("file.json:3: not valid JSON: Missing ','"));
    EXPECT_THAT(fault_of("{\n\"a\": \n}"), StartsWith("file.json:3: not valid JSON: "));
    EXPECT_THAT(fault_of("{\"a\": NaN}"), StartsWith("file.json:1: not valid JSON: "));
    EXPECT_THAT(fault_of("{\"a\": 'x'}"), StartsWith("file.json:1: not valid JSON: "));
    EXPECT_THAT(fault_of("{} {}"), StartsWith("file.json:1: not valid JSON: "));
    EXPECT_THAT(fault_of("{\"a\": 1,\n\"a\": 2}"), testing::AllOf(HasSubstr("not valid JSON"), HasSubstr("uplicate")));
    EXPECT_THAT(fault_of(""), HasSubstr("not valid JSON"));
}

TEST(Document, IsAnObject) {
    for (const char* text : {"[]", "7", "\"text\"", "null"})
        EXPECT_EQ(fault_of(text), "file.json:1: a config is a JSON object: { \"key\": value, … }") << text;
}

TEST(Document, Limits) {
    EXPECT_EQ(fault_of("{\"a\": \"\xff\"}"), "file.json: not UTF-8 text; save it as UTF-8");
    EXPECT_EQ(fault_of("{}" + std::string(std::size_t{4} * 1024 * 1024, ' ')),
              "file.json: larger than 4 MiB, the limit for a config");
    EXPECT_THAT(fault_of("{\"a\":" + std::string(100'000, '[') + "}"), StartsWith("file.json: not valid JSON"));
    EXPECT_EQ(fault_of("{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}"), "understood");
}

class DocumentFile : public testing::Test {
  protected:
    DocumentFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "matriz-config-XXXXXX").string();
        folder = mkdtemp(pattern.data());
    }
    ~DocumentFile() override { std::filesystem::remove_all(folder); }
    std::string fault_of_file(const std::string& path) {
        try {
            Document::load(path);
            return "understood";
        } catch (const ConfigError& error) {
            return error.what();
        }
    }
    std::filesystem::path folder;
};

TEST_F(DocumentFile, IsRead) {
    std::ofstream(folder / "a.json") << "{\"a\": 1}";
    EXPECT_EQ(Document::load(folder / "a.json").root()["a"], 1);
    EXPECT_EQ(Document::load(folder / "a.json").file(), (folder / "a.json").string());
}

TEST_F(DocumentFile, ThatCannotBeReadIsNamed) {
    const std::string missing = folder / "missing.json";
    EXPECT_EQ(fault_of_file(missing), missing + ": cannot be read: No such file or directory");
    EXPECT_EQ(fault_of_file(folder), folder.string() + ": cannot be read: Is a directory");
    EXPECT_THAT(fault_of_file(""), HasSubstr("cannot be read"));
}

TEST_F(DocumentFile, ThatNeverEndsIsTooLarge) {
    EXPECT_EQ(fault_of_file("/dev/zero"), "/dev/zero: larger than 4 MiB, the limit for a config");
}

TEST_F(DocumentFile, ThatIsEmptyIsNotValid) {
    std::ofstream(folder / "empty.json");
    EXPECT_THAT(fault_of_file(folder / "empty.json"), HasSubstr("not valid JSON"));
}

TEST(Utf8, ByRfc3629) {
    for (const char* text : {"", "abc", "é", "東京", "\U0001F3B5", "\u0800", "\uffff", "\U0010ffff"})
        EXPECT_TRUE(is_utf8(text)) << text;
    for (const char* text :
         {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe6\x9d", "\xed\xa0\x80", "\xed\xbf\xbf",
          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3z"})
        EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
}

TEST(ProblemText, NamesWhatItKnows) {
    EXPECT_EQ((Problem{"f", 7, "port", "wrong"}).str(), "f:7: port: wrong");
    EXPECT_EQ((Problem{"f", 0, "", "wrong"}).str(), "f: wrong");
    EXPECT_EQ(ConfigError({{"f", 1, "a", "x"}, {"f", 2, "b", "y"}}).what(), std::string("f:1: a: x\nf:2: b: y"));
}

}  // namespace
}  // namespace matriz::config

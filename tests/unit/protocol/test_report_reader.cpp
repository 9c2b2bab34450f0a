// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <string>

#include "common/protocol/codec.hpp"
#include "common/protocol/report_reader.hpp"

namespace matriz::protocol {
namespace {

/// The same text behind a member that only the library reads.
Report by_library(const std::string& text) {
    return std::get<Report>(decode_client_message(R"({"x":null,)" + text.substr(1)));
}

TEST(ReportReader, ReadsWhatNodesWriteAsTheLibraryDoes) {
    Report report;
    report.links.push_back(
        {.peer = "lisboa", .delay_ms = 7.25, .loss = 0.001, .jitter_ms = 0, .level_db = -18.5, .one_way_ms = 12.5});
    report.links.push_back({.peer = "porto", .loss = 1e-7});
    for (const std::string& text :
         {encode(report),
          std::string(
              R"({"report":[{"peer":"a","delay_ms":-7,"loss":9,"jitter_ms":1e9,"level_db":-1e9,"one_way_ms":-3}]})"),
          std::string(R"({"report" : [ {"level_db":-0.5E+1} , {"peer":"b"}] } )")}) {
        const auto plain = read_plain_report(text);
        ASSERT_TRUE(plain) << text;
        EXPECT_EQ(*plain, by_library(text)) << text;
    }
}

TEST(ReportReader, LeavesEverythingElseToTheLibrary) {
    for (const char* text : {"",
                             "{",
                             R"({"report":[]})",
                             R"({"report":{}})",
                             R"({"report":[{}]})",
                             R"({"report":[{"peer":"é"}]})",
                             R"({"report":[{"peer":"a\n"}]})",
                             R"({"report":[{"loss":01}]})",
                             R"({"report":[{"loss":1.}]})",
                             R"({"report":[{"loss":.5}]})",
                             R"({"report":[{"loss":+1}]})",
                             R"({"report":[{"loss":inf}]})",
                             R"({"report":[{"loss":nan}]})",
                             R"({"report":[{"loss":1e999}]})",
                             R"({"report":[{"loss":0x1}]})",
                             R"({"report":[{"loss":"1"}]})",
                             R"({"report":[{"other":1}]})",
                             R"({"report":[{"peer":"a"}]} x)",
                             R"({"report":[{"peer":"a"},]})",
                             R"({"report":[{"peer":"a"}],"more":1})",
                             R"({"report":[{"peer":"a"})"})
        EXPECT_FALSE(read_plain_report(text)) << text;
    EXPECT_FALSE(read_plain_report(R"({"report":[{"peer":")" + std::string(65, 'x') + R"("}]})"));
}

}  // namespace
}  // namespace matriz::protocol

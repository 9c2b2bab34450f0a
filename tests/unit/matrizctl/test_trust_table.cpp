// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/trust_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace matriz::ctl {
namespace {

using testing::HasSubstr;

std::string shown(const std::string& text) {
    Json::Value json;
    std::istringstream(text) >> json;
    return render_trust(json);
}

TEST(TrustTable, SaysWhenNothingIsPinned) {
    EXPECT_THAT(shown(R"({"pinned":false,"peers":[]})"), HasSubstr("nothing is pinned"));
    EXPECT_THAT(shown(R"([])"), HasSubstr("nothing is pinned"));
    EXPECT_THAT(shown(R"({"pinned":true,"peers":[]})"), HasSubstr("No peer"));
}

TEST(TrustTable, NamesWhatWasRefused) {
    EXPECT_EQ(shown(R"({"pinned":true,"peers":[{"name":"faro","fingerprint":"AA","refused":false},
        {"name":"lisboa","fingerprint":"BB","refused":true,"offered":"CC"},
        {"name":"é","fingerprint":"DD","refused":true,"offered":""}]})"),
              "faro    AA\n"
              "lisboa  BB\n"
              "        CC\n"
              "        is refused. If they say that it is theirs: matrizctl trust \"lisboa\"\n"
              "é       DD\n"
              "        no certificate at all\n"
              "        is refused. If they say that it is theirs: matrizctl trust \"é\"\n");
}

TEST(TrustTable, SaysWhenACertificateWouldNotHaveToBeProven) {
    EXPECT_EQ(shown(R"({"pinned":true,"peers":[
        {"name":"lisboa","fingerprint":"BB","refused":true,"offered":"BB","in_the_clear":true},
        {"name":"porto","fingerprint":"CC","refused":true,"offered":"","in_the_clear":true}]})"),
              "lisboa  BB\n"
              "        BB, unproven: its sound would come in the clear\n"
              "        is refused. If they say that it is theirs: matrizctl trust \"lisboa\"\n"
              "porto   CC\n"
              "        no certificate at all\n"
              "        is refused. If they say that it is theirs: matrizctl trust \"porto\"\n");
}

TEST(TrustTable, SurvivesNonsense) {
    EXPECT_THAT(shown("{\"pinned\":true,\"peers\":[7,{\"name\":7},{\"name\":\"a\\u001bb\",\"fingerprint\":\"x\"}]}"),
                testing::Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace matriz::ctl

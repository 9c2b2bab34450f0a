// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "common/base/error.hpp"
#include "tests/probes/options.hpp"
#include "tests/probes/report.hpp"

namespace matriz::probe {
namespace {

Options parse(std::initializer_list<const char*> arguments) {
    return parse_options({arguments.begin(), arguments.size()});
}

TEST(ProbeOptions, GroupsHoldTheirPorts) {
    const Options o = parse({"--group",   "porto",
                             "--send",    "porto-send:in_1,porto-send:in_2",
                             "--receive", "lisboa=l:porto_1",
                             "--receive", "montemor=m:porto_1",
                             "--group",   "lisboa",
                             "--send",    "l-send:in_1",
                             "--receive", "porto=p:lisboa_1",
                             "--json",    "--interval",
                             "0.5",       "--seconds",
                             "10",        "--signal",
                             "speech"});
    ASSERT_EQ(o.groups.size(), 2U);
    EXPECT_EQ(o.groups[0].name, "porto");
    EXPECT_EQ(o.groups[0].send, (std::vector<std::string>{"porto-send:in_1", "porto-send:in_2"}));
    ASSERT_EQ(o.groups[0].receive.size(), 2U);
    EXPECT_EQ(o.groups[0].receive[1].label, "montemor");
    EXPECT_EQ(o.groups[0].receive[1].port, "m:porto_1");
    EXPECT_EQ(o.groups[1].receive[0].port, "p:lisboa_1");
    EXPECT_TRUE(o.json);
    EXPECT_EQ(o.interval, 0.5);
    EXPECT_EQ(o.seconds, 10);
    EXPECT_EQ(o.signal, Background::speech);
}

TEST(ProbeOptions, TheFirstGroupNeedsNoName) {
    const Options o = parse({"--send", "a:b", "--receive", "x=c:d"});
    ASSERT_EQ(o.groups.size(), 1U);
    EXPECT_EQ(o.groups[0].name, "probe");
}

TEST(ProbeOptions, RefusesWhatMakesNoSense) {
    EXPECT_THROW(parse({}), Error);
    EXPECT_THROW(parse({"--send", "a:b"}), Error);
    EXPECT_THROW(parse({"--receive", "x=c:d"}), Error);
    EXPECT_THROW(parse({"--send", "ab", "--receive", "x=c:d"}), Error);
    EXPECT_THROW(parse({"--send", "a:b", "--receive", "c:d"}), Error);
    EXPECT_THROW(parse({"--send", "a:b", "--receive", "x=c:d", "--seconds", "ten"}), Error);
    EXPECT_THROW(parse({"--send", "a:b", "--receive", "x=c:d", "--interval", "0"}), Error);
    EXPECT_THROW(parse({"--send", "a:b", "--receive", "x=c:d", "--signal", "noise"}), Error);
    EXPECT_THROW(parse({"--send", "a:b", "--receive"}), Error);
    EXPECT_THROW(parse({"--wrong"}), Error);
}

TEST(ProbeReport, JsonHasNullWhereNothingWasMeasured) {
    Row row{"porto", "lis\"boa", "m:porto_1", true, {}, 2};
    EXPECT_EQ(
        to_json(row, "interval", 1.5),
        R"({"type":"interval","seconds":1.500,"group":"porto","label":"lis\"boa","port":"m:porto_1","connected":true,)"
        R"("present":false,"latency_ms":null,"latency_min_ms":null,"latency_max_ms":null,"chirps":0,)"
        R"("peak_dbfs":null,"rms_dbfs":null,"glitches":null,"longest_dropout_ms":null,"judged_seconds":0.000,"xruns":2})");
}

TEST(ProbeReport, TotalsAddUp) {
    Totals totals;
    EXPECT_FALSE(totals.ever_heard());
    Row row{"a", "b", "c:d", true, {}, 1};
    for (const double latency : {8.0, 9.0, 30.0}) {
        row.heard.latency_ms = row.heard.latency_min_ms = row.heard.latency_max_ms = latency;
        row.heard.chirps = 2;
        row.heard.glitches = {1, 0.004, 1.1};
        totals.add(row);
    }
    EXPECT_TRUE(totals.ever_heard());
    const Row sum = totals.row();
    EXPECT_EQ(sum.heard.latency_ms, 9.0);
    EXPECT_EQ(sum.heard.latency_max_ms, 30.0);
    EXPECT_EQ(sum.heard.chirps, 6);
    EXPECT_EQ(sum.heard.glitches.events, 3);
    EXPECT_NEAR(sum.heard.glitches.seconds, 3.3, 1e-9);
    EXPECT_EQ(sum.xruns, 3);
}

}  // namespace
}  // namespace matriz::probe

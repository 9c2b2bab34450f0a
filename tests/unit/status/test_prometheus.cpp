// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <regex>
#include <set>
#include <sstream>

#include "tests/unit/status/example.hpp"

namespace matriz::status {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Prometheus, HasTheSamples) {
    const std::string page = to_prometheus(test::example());
    for (const char* line : {
             "matriz_info{name=\"porto\",version=\"1.2.3\"} 1\n",
             "\nmatriz_uptime_seconds 8000.5\n",
             "\nmatriz_jack_running 1\n",
             "\nmatriz_jack_xruns_total 3\n",
             "\nmatriz_server_registered 1\n",
             "\nmatriz_listeners 1\n",
             "\nmatriz_emitter_bitrate_bits_per_second 128000\n",
             "\nmatriz_emitter_level_dbfs -18.25\n",
             "\nmatriz_recording 1\n",
             "\nmatriz_recording_failed 1\n",
             "\nmatriz_peers 2\n",
             "\nmatriz_peer_playing{peer=\"lisboa\"} 1\n",
             "\nmatriz_peer_playing{peer=\"braga\"} 0\n",
             "\nmatriz_peer_delay_seconds{peer=\"lisboa\"} 0.004125\n",
             "\nmatriz_peer_packets_received_total{peer=\"lisboa\"} 18446744073709551615\n",
             "\nmatriz_peer_packets_lost_total{peer=\"lisboa\"} 12\n",
             "\nmatriz_peer_drift_ppm{peer=\"lisboa\"} -12.4\n",
             "\nmatriz_peer_first_sound_seconds{peer=\"lisboa\"} 0.2123\n",
         })
        EXPECT_THAT(page, HasSubstr(line));
    EXPECT_THAT(page, Not(HasSubstr("matriz_peer_delay_seconds{peer=\"braga\"}")));
}

/// The exposition format, version 0.0.4: each metric announced once, its samples right after, nothing else.
void check_format(const std::string& page) {
    static const std::regex help("# HELP ([a-z_]+) [^\n]+");
    static const std::regex type("# TYPE ([a-z_]+) (gauge|counter)");
    static const std::regex sample(
        R"re(([a-z_]+)(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? (NaN|[+-]Inf|[-+0-9.e]+))re");
    std::istringstream lines(page);
    std::set<std::string> announced;
    std::string current;
    std::smatch match;
    ASSERT_TRUE(page.ends_with('\n'));
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_match(line, match, help))
            EXPECT_TRUE(announced.insert(match[1]).second) << line;
        else if (std::regex_match(line, match, type)) {
            current = match[1];
            EXPECT_EQ(current.ends_with("_total"), match[2] == "counter") << line;
        } else {
            ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
            EXPECT_EQ(match[1], current) << line;
        }
    }
}

TEST(Prometheus, KeepsToTheFormat) {
    check_format(to_prometheus(test::example()));
    check_format(to_prometheus({}));
}

TEST(Prometheus, HostileNamesStayInsideTheirLabel) {
    Snapshot node = test::example();
    node.peers[0].name = "x\"} 1\nmatriz_peers 7\\";
    const std::string page = to_prometheus(node);
    check_format(page);
    EXPECT_THAT(page, HasSubstr(R"({peer="x\"} 1\nmatriz_peers 7\\"})"));
}

TEST(Prometheus, KnowsInfinity) {
    Snapshot node = test::example();
    node.emitter.level = -std::numeric_limits<double>::infinity();
    node.peers[0].drift = std::numeric_limits<double>::quiet_NaN();
    const std::string page = to_prometheus(node);
    check_format(page);
    EXPECT_THAT(page, HasSubstr("matriz_emitter_level_dbfs -Inf\n"));
    EXPECT_THAT(page, HasSubstr("matriz_peer_drift_ppm{peer=\"lisboa\"} NaN\n"));
}

TEST(Prometheus, WithoutAServerThereIsNoRegistration) { EXPECT_THAT(to_prometheus({}), Not(HasSubstr("registered"))); }

}  // namespace
}  // namespace matriz::status

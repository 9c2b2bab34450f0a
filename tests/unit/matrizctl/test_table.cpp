// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <sstream>

#include "matrizctl/table.hpp"
#include "matrizctl/text.hpp"
#include "tests/unit/status/example.hpp"

namespace matriz::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

Json::Value json_of(const status::Snapshot& snapshot) {
    const std::string text = status::to_json(snapshot);
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    Json::Value json;
    EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &json, nullptr));
    return json;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

TEST(Table, ShowsWhatThereIs) {
    const std::string text = render(json_of(status::test::example()), 120, false);
    for (const char* part :
         {"porto  matriz 1.2.3, up 2 h 13 min", "running  48000 Hz, 64 frames, 3 xruns", "sending  opus",
          "registered for 12 s  ws://mesh.example:5000/config", "opus, 2.5 ms, 128 kbit/s, 2 channels, level -18.2 dB",
          "10.0.0.2 (udp)", "/tmp/2026-01-01.wav", "lisboa", "playing", "-20.0 dB", "4.1 ms", "4.0 ms", "0.3 ms",
          "refused the connection"})
        EXPECT_THAT(text, HasSubstr(part));
}

TEST(Table, WhatATechnicianAsksForStaysLongest) {
    const std::string usual = render(json_of(status::test::example()), 120, false);
    for (const char* title :
         {"LEVEL", "DELAY", "TARGET", "JITTER", "LOST", "LATE", "RECOVERED", "COVERED", "DRIFT", "CODEC"})
        EXPECT_THAT(usual, HasSubstr(title));
    const std::string narrow = render(json_of(status::test::example()), 80, false);
    for (const char* title : {"LEVEL", "DELAY", "TARGET", "JITTER", "LOST"}) EXPECT_THAT(narrow, HasSubstr(title));
    const std::string wide = render(json_of(status::test::example()), 240, false);
    for (const char* title : {"VIA", "RTT", "ONE WAY", "ADDRESS", "10.0.0.2:8554"}) EXPECT_THAT(wide, HasSubstr(title));
}

TEST(Table, FitsEveryTerminalAndStaysAligned) {
    status::Snapshot node = status::test::example();
    node.server.state = "waiting";
    node.server.last_error = "mesh.example port 5000 refused the connection; does the config server run there at all?";
    node.peers[1].name = "東京のスタジオ・東京のスタジオ・東京のスタジオ";
    node.peers[1].reason =
        std::string(300, 'x') + " and more words to wrap over the lines of a narrow terminal, at least two";
    node.peers[0].received = 999'999'999;
    node.peers[0].concealed = 999'999'999;
    node.peers[0].drift = -199.9;
    node.peers[0].delay = node.peers[0].target = node.peers[0].jitter = status::Milliseconds{1999.9};
    node.emitter.state = "silent: " + std::string(200, 'y');
    for (std::size_t i = 0; i < 20; ++i) node.emitter.listeners.push_back(node.emitter.listeners[0]);
    for (std::size_t width = 80; width <= 200; ++width) {
        const auto lines = lines_of(render(json_of(node), width, false));
        std::size_t state_column = 0;
        for (const std::string& line : lines) {
            EXPECT_LE(width_of(line), width) << line;
            if (const auto at = line.find("STATE"); at != std::string::npos)
                state_column = width_of(line.substr(0, at));
            for (const char* state : {"playing", "waiting  "})
                if (const auto at = line.find(state); at != std::string::npos && state_column > 0) {
                    EXPECT_EQ(width_of(line.substr(0, at)), state_column) << line;
                }
        }
        EXPECT_GT(state_column, 0U);
    }
}

TEST(Table, SaysOnceWhatAllConnectionsMetWithAtTheTurnServer) {
    status::Snapshot node = status::test::example();
    const std::string trouble = "the TURN server turn.example.org gave no relay";
    for (status::Peer& peer : node.peers) peer.turn_trouble = trouble;
    const std::string text = render(json_of(node), 120, false);
    const auto first = text.find(trouble);
    EXPECT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find(trouble, first + 1), std::string::npos) << text;
    for (status::Peer& peer : node.peers) peer.turn_trouble.clear();
    EXPECT_THAT(render(json_of(node), 120, false), Not(HasSubstr("TURN")));
}

TEST(Table, NarrowTerminalsGetEightyColumns) {
    EXPECT_EQ(render(json_of(status::test::example()), 0, false), render(json_of(status::test::example()), 80, false));
}

TEST(Table, WiderOnesSeeMore) {
    const Json::Value json = json_of(status::test::example());
    EXPECT_THAT(render(json, 80, false), Not(HasSubstr("VIA")));
    EXPECT_THAT(render(json, 200, false), HasSubstr("VIA"));
    EXPECT_THAT(render(json, 250, false), HasSubstr("RECOVERED"));
}

TEST(Table, SaysWhoseSoundOthersCanListenTo) {
    const std::string text = render(json_of(status::test::example()), 250, false);
    EXPECT_THAT(text, HasSubstr("webrtc, relay"));
    EXPECT_THAT(text, HasSubstr("rtsp/udp, open"));
    EXPECT_THAT(text, Not(HasSubstr("relay, open")));
    EXPECT_THAT(text, HasSubstr("21.5 ms"));
    EXPECT_THAT(text, HasSubstr("18.8 ms"));
}

TEST(Table, ColoursOnlyWhenAsked) {
    const Json::Value json = json_of(status::test::example());
    EXPECT_THAT(render(json, 120, false), Not(HasSubstr("\033")));
    EXPECT_THAT(render(json, 120, true), HasSubstr("\033[32mplaying\033[0m"));
    status::Snapshot node = status::test::example();
    node.jack.state = "hangs";
    EXPECT_THAT(render(json_of(node), 120, true), HasSubstr("\033[31mhangs\033[0m"));
}

TEST(Table, NamesCannotActOnTheTerminal) {
    status::Snapshot node = status::test::example();
    node.name = node.peers[0].name = node.peers[1].reason = node.emitter.codec = "\033[2J\u009b2J\u202ex";
    EXPECT_THAT(render(json_of(node), 120, false),
                testing::AllOf(Not(HasSubstr("\033")), Not(HasSubstr("\u009b")), Not(HasSubstr("\u202e"))));
}

TEST(Table, SaysWhyARecordingStopped) {
    EXPECT_THAT(render(json_of(status::test::example()), 120, false), HasSubstr("recording stopped: the disk is full"));
    EXPECT_THAT(render(json_of({}), 80, false), Not(HasSubstr("recording stopped")));
}

TEST(Table, AnEmptyNodeIsShown) {
    const std::string text = render(json_of({}), 80, false);
    EXPECT_THAT(text, HasSubstr("Nobody else is there."));
    EXPECT_THAT(text, HasSubstr("nobody"));
    EXPECT_THAT(text, HasSubstr("none"));
}

/// Another version of the node, or something else altogether: any JSON is shown somehow.
TEST(Table, AnyShapeOfJsonIsSurvived) {
    std::mt19937 random(1);  // NOLINT: the same shapes each time
    const Json::Value good = json_of(status::test::example());
    const auto strange = [&random]() -> Json::Value {
        switch (random() % 7) {
            case 0:
                return Json::Value();
            case 1:
                return "text";
            case 2:
                return -1;
            case 3:
                return 1e300;
            case 4:
                return true;
            case 5:
                return Json::Value(Json::arrayValue);
            default:
                return Json::Value(Json::objectValue);
        }
    };
    for (int round = 0; round < 2000; ++round) {
        Json::Value json = good;
        for (int i = 0; i < 3; ++i) {
            const auto names = json.getMemberNames();
            Json::Value* part = &json[names[random() % names.size()]];
            while ((part->isObject() || part->isArray()) && !part->empty() && random() % 4 != 0) {
                if (part->isObject()) {
                    const auto members = part->getMemberNames();
                    part = &(*part)[members[random() % members.size()]];
                } else {
                    part = &(*part)[static_cast<Json::ArrayIndex>(random() % part->size())];
                }
            }
            *part = strange();
        }
        EXPECT_FALSE(render(json, 80, true).empty());
    }
    EXPECT_FALSE(render(Json::Value(), 80, false).empty());
    EXPECT_FALSE(render(Json::Value("text"), 80, false).empty());
}

}  // namespace
}  // namespace matriz::ctl

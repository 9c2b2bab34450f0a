// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <json/json.h>

#include <cmath>
#include <limits>
#include <memory>

#include "tests/unit/status/example.hpp"

namespace matriz::status {
namespace {

Json::Value parsed(const Snapshot& snapshot) {
    const std::string text = to_json(snapshot);
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    Json::Value json;
    std::string errors;
    EXPECT_TRUE(reader->parse(text.data(), text.data() + text.size(), &json, &errors)) << errors << text;
    return json;
}

TEST(StatusJson, HasEveryValue) {
    const Json::Value json = parsed(test::example());
    EXPECT_EQ(json["name"], "porto");
    EXPECT_EQ(json["version"], "1.2.3");
    EXPECT_EQ(json["uptime_s"], 8000.5);
    EXPECT_EQ(json["jack"]["state"], "running");
    EXPECT_EQ(json["jack"]["server"], "default");
    EXPECT_EQ(json["jack"]["rate"].asUInt(), 48000U);
    EXPECT_EQ(json["jack"]["period"].asUInt(), 64U);
    EXPECT_EQ(json["jack"]["xruns"].asUInt64(), 3U);
    EXPECT_EQ(json["server"]["url"], "ws://mesh.example:5000/config");
    EXPECT_EQ(json["server"]["state"], "registered");
    EXPECT_EQ(json["server"]["since_s"], 12.0);
    EXPECT_TRUE(json["server"]["last_error"].isNull());
    EXPECT_EQ(json["server"]["own_address"], "203.0.113.7");
    EXPECT_EQ(json["server"]["reachable"], true);
    EXPECT_EQ(json["server"]["stun"], "mesh.example:3478");
    EXPECT_EQ(json["router"]["state"], "open");
    EXPECT_EQ(json["router"]["address"], "203.0.113.7");
    const Json::Value& emitter = json["emitter"];
    EXPECT_EQ(emitter["ports"].size(), 2U);
    EXPECT_EQ(emitter["ports"][1], "matriz-send:in_send_2");
    EXPECT_EQ(emitter["codec"], "opus");
    EXPECT_EQ(emitter["frame_ms"], 2.5);
    EXPECT_EQ(emitter["bitrate"], 128000);
    EXPECT_EQ(emitter["level_dbfs"], -18.25);
    EXPECT_EQ(emitter["listeners"][0]["address"], "10.0.0.2");
    EXPECT_EQ(emitter["listeners"][0]["transport"], "udp");
    EXPECT_EQ(emitter["listeners"][0]["since_s"], 4.0);
    EXPECT_EQ(emitter["recording"], "/tmp/2026-01-01.wav");
    EXPECT_EQ(emitter["recording_error"], "the disk is full");
    const Json::Value& lisboa = json["peers"][0];
    EXPECT_EQ(lisboa["name"], "lisboa");
    EXPECT_EQ(lisboa["address"], "10.0.0.2:8554");
    EXPECT_EQ(lisboa["transport"], "webrtc");
    EXPECT_EQ(lisboa["why"], "both nodes can");
    EXPECT_TRUE(lisboa["encrypted"].asBool());
    EXPECT_EQ(lisboa["path"], "relay");
    EXPECT_EQ(lisboa["via"], "203.0.113.9:3478");
    EXPECT_EQ(lisboa["round_trip_ms"], 21.5);
    EXPECT_EQ(lisboa["one_way_ms"], 18.75);
    EXPECT_EQ(lisboa["fingerprint"], "AB:CD");
    EXPECT_EQ(lisboa["state"], "playing");
    EXPECT_TRUE(lisboa["reason"].isNull());
    EXPECT_EQ(lisboa["codec"], "opus");
    EXPECT_EQ(lisboa["sending_codec"], "opus");
    EXPECT_EQ(lisboa["sending_reason"], "it does not know pcm16");
    EXPECT_EQ(lisboa["turn_trouble"], "no relay");
    EXPECT_EQ(lisboa["level_dbfs"], -20.0);
    EXPECT_EQ(lisboa["target_ms"], 4.0);
    EXPECT_EQ(lisboa["delay_ms"], 4.125);
    EXPECT_EQ(lisboa["jitter_ms"], 0.3);
    EXPECT_EQ(lisboa["received"].asUInt64(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(lisboa["lost"].asUInt64(), 12U);
    EXPECT_EQ(lisboa["late"].asUInt64(), 3U);
    EXPECT_EQ(lisboa["recovered"].asUInt64(), 2U);
    EXPECT_EQ(lisboa["concealed"].asUInt64(), 13U);
    EXPECT_EQ(lisboa["drift_ppm"], -12.4);
    EXPECT_EQ(lisboa["since_s"], 99.0);
    EXPECT_EQ(lisboa["first_sound_ms"], 212.3);
}

TEST(StatusJson, WhatIsNotKnownIsNull) {
    const Json::Value json = parsed(test::example());
    const Json::Value& braga = json["peers"][1];
    EXPECT_EQ(braga["reason"], "refused the connection");
    for (const char* key :
         {"codec", "level_dbfs", "target_ms", "delay_ms", "jitter_ms", "received", "lost", "late", "recovered",
          "concealed", "drift_ppm", "first_sound_ms", "sending_codec", "sending_reason", "turn_trouble"}) {
        EXPECT_TRUE(braga.isMember(key)) << key;
        EXPECT_TRUE(braga[key].isNull()) << key;
    }
    const Json::Value empty = parsed({});
    EXPECT_TRUE(empty["server"].isNull());
    EXPECT_TRUE(empty["jack"]["rate"].isNull());
    EXPECT_TRUE(empty["emitter"]["recording"].isNull());
    EXPECT_TRUE(empty["emitter"]["recording_error"].isNull());
    EXPECT_TRUE(empty["peers"].isArray());
    EXPECT_TRUE(empty["emitter"]["ports"].isArray());
    EXPECT_TRUE(empty["emitter"]["listeners"].isArray());
}

TEST(StatusJson, NumbersThatJsonDoesNotKnow) {
    Snapshot node = test::example();
    node.emitter.level = -std::numeric_limits<double>::infinity();
    node.peers[0].level = std::numeric_limits<double>::quiet_NaN();
    node.peers[0].drift = std::numeric_limits<double>::infinity();
    const Json::Value json = parsed(node);
    EXPECT_EQ(json["emitter"]["level_dbfs"], silence);
    EXPECT_TRUE(json["peers"][0]["level_dbfs"].isNull());
    EXPECT_TRUE(json["peers"][0]["drift_ppm"].isNull());
}

TEST(StatusJson, AnyNameStaysAString) {
    Snapshot node;
    node.name = "a\"b\\c\n\x01é東";
    EXPECT_EQ(parsed(node)["name"], node.name);
}

}  // namespace
}  // namespace matriz::status

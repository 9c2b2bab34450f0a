// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "matrizctl/doctor/finding.hpp"

namespace matriz::ctl::doctor {
namespace {

/// A place where all is well, with a node that runs.
Facts well() {
    Facts facts;
    facts.place.path = "client.json";
    facts.place.config.emplace();
    facts.machine.has_alsa = true;
    facts.machine.cards = {{"Headphones", "bcm2835", false}, {"USB", "USB Audio CODEC", true}};
    facts.machine.jackds = {{100, 70, "matriz", 70, {}}};
    facts.machine.nodes = {{200, 65, "matriz", 65, {}}};
    facts.machine.governors = {"performance", "performance"};
    facts.machine.clock_synchronised = true;
    Json::Value status;
    status["name"] = "porto";
    status["version"] = "1.0";
    status["uptime_s"] = 100;
    status["jack"]["state"] = "running";
    status["jack"]["rate"] = 48000;
    status["jack"]["period"] = 64;
    status["jack"]["xruns"] = 0;
    status["server"]["url"] = "wss://h/config";
    status["server"]["state"] = "registered";
    status["server"]["own_address"] = "203.0.113.5";
    status["server"]["reachable"] = true;
    status["server"]["stun"] = "h:3478";
    status["peers"] = Json::arrayValue;
    facts.status = status;
    facts.new_xruns = 0;
    facts.stun = Stun{"h:3478", "203.0.113.5 port 41000"};
    facts.identity = IdentityFile{"identity.pem", true, true, "AB:CD", {}};
    facts.mtus = {{"lisboa", 1500}};
    facts.big_packet = BigPacket{"h:3478", 1228, BigPacket::Result::passed, 0};
    return facts;
}

const Finding* find(const std::vector<Finding>& findings, const std::string& subject) {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const Finding& finding) { return finding.subject == subject; });
    return found == findings.end() ? nullptr : &*found;
}

/// The verdict on `subject`, and that its text has `words`.
void expect(const Facts& facts, const std::string& subject, Verdict verdict, const std::string& words) {
    const auto findings = judge(facts);
    const Finding* finding = find(findings, subject);
    ASSERT_NE(finding, nullptr) << subject;
    EXPECT_EQ(name(finding->verdict), name(verdict)) << finding->text;
    EXPECT_NE(finding->text.find(words), std::string::npos) << finding->text;
    EXPECT_EQ(exit_status(findings), verdict == Verdict::bad ? 1 : 0);
}

TEST(Judge, FindsNothingWhereAllIsWell) {
    const auto findings = judge(well());
    for (const Finding& finding : findings) EXPECT_EQ(finding.verdict, Verdict::good) << finding.text;
    EXPECT_EQ(exit_status(findings), 0);
    EXPECT_NE(to_text(findings, false).find("Nothing is wrong here."), std::string::npos);
}

TEST(Judge, Config) {
    Facts facts = well();
    facts.place.config.reset();
    facts.place.problems = {"client.json:3: port: 70000 is out of range"};
    expect(facts, "config", Verdict::bad, "client.json:3: port");
    facts = well();
    facts.place.problems = {"client.json:4: naem: unknown key"};
    expect(facts, "config", Verdict::warning, "naem");
    // Who may not read it is told how, not that it is wrong.
    facts = well();
    facts.place.config.reset();
    facts.place.problems = {"client.json: cannot be read: Permission denied"};
    facts.place.readable = false;
    expect(facts, "config", Verdict::note, "may read client.json");
}

TEST(Judge, SoundCard) {
    Facts facts = well();
    facts.machine.cards.clear();
    expect(facts, "sound card", Verdict::bad, "none that Linux knows");
    facts.machine.cards = {{"Headphones", "bcm2835", false}};
    expect(facts, "sound card", Verdict::bad, "no USB card, only Headphones");
    facts.machine.wanted_card = "hw:Scarlett";
    expect(facts, "sound card", Verdict::bad, "wants Scarlett");
    facts.machine.wanted_card = "Headphones";
    expect(facts, "sound card", Verdict::good, "Headphones");
    facts.machine.cards = {{"Headphones", "bcm2835", false, 0}, {"USB", "USB Audio CODEC", true, 2}};
    for (const char* there : {"hw:2", "2", "0", "hw:USB,1", "USB,0", "hw:2,0", "plughw:USB"}) {
        facts.machine.wanted_card = there;
        expect(facts, "sound card", Verdict::good, "USB");
    }
    for (const char* missing : {"hw:1", "1", "hw:1,2", "US", "hw:"}) {
        facts.machine.wanted_card = missing;
        expect(facts, "sound card", Verdict::bad, "audio.conf wants");
    }
    facts.machine.cards.clear();
    facts.machine.driver = "dummy";
    expect(facts, "sound card", Verdict::note, "without one");
}

TEST(Judge, Jack) {
    Facts facts = well();
    (*facts.status)["jack"]["state"] = "gone, waiting for it";
    expect(facts, "JACK", Verdict::bad, "gone, waiting for it");
    (*facts.status)["jack"]["state"] = "hangs";
    expect(facts, "JACK", Verdict::bad, "its server hangs");
    EXPECT_NE(find(judge(facts), "JACK")->advice.find("restart matriz-jackd"), std::string::npos);
    facts = well();
    (*facts.status)["jack"]["xruns"] = 7;
    expect(facts, "clicks", Verdict::note, "7 xruns");
    facts.new_xruns = 3;
    expect(facts, "clicks", Verdict::bad, "3 xruns while this looked");
}

TEST(Judge, RealTime) {
    Facts facts = well();
    expect(facts, "real time", Verdict::good,
           "JACK goes before everything else (priority 70), the node's audio thread at 65");
    facts.machine.jackds[0] = {100, 0, "joe", 0, {}};
    expect(facts, "real time", Verdict::bad, "JACK of the user joe has to wait");
    // JACK is as it should be, and the node has no rights.
    facts = well();
    facts.machine.nodes[0] = {200, 0, "joe", 0, {}};
    expect(facts, "real time", Verdict::bad, "the node of the user joe has to wait");
    // The service's threads are all real-time, but JACK's own in it is not.
    facts.machine.nodes[0] = {200, 45, "joe", 0, {}};
    expect(facts, "real time", Verdict::bad, "the audio thread of the node of the user joe");
    // Without JACK it has no such thread.
    (*facts.status)["jack"]["state"] = "waiting";
    EXPECT_EQ(find(judge(facts), "real time")->verdict, Verdict::good);
    facts = well();
    facts.status.reset();
    facts.machine.jackds.clear();
    facts.machine.nodes.clear();
    facts.jack = JackVisit{.joined = true, .rate = 48000, .period = 64, .realtime = false};
    EXPECT_NE(find(judge(facts), "real time")->text.find("without -R"), std::string::npos);
    facts.jack->realtime = true;
    EXPECT_EQ(find(judge(facts), "real time"), nullptr);  // nothing to see
}

TEST(Judge, LockedMemory) {
    Facts facts = well();
    expect(facts, "memory", Verdict::good, "may be kept");
    facts.machine.nodes[0].lockable = 8U << 20;
    expect(facts, "memory", Verdict::warning, "the node of the user matriz may keep only 8.4 MB");
    facts.machine.jackds[0].lockable = 64U << 10;
    expect(facts, "memory", Verdict::warning, "JACK of the user matriz may keep only 0.1 MB");
    facts.machine.jackds[0].lockable = facts.machine.nodes[0].lockable = 1U << 30;
    expect(facts, "memory", Verdict::good, "may be kept");
}

TEST(Judge, WithoutANode) {
    Facts facts = well();
    facts.status.reset();
    facts.status_error = "no node answers at 127.0.0.1:8555";
    facts.jack = JackVisit{};
    facts.server = ServerVisit{.error = "the key is not known",
                               .key_accepted = false,
                               .own_name = {},
                               .own_address = {},
                               .reachable = false,
                               .port_taken = false,
                               .stun = {}};
    expect(facts, "node", Verdict::bad, "no node answers");
    expect(facts, "server", Verdict::bad, "the key is not known");
    const auto findings = judge(facts);
    EXPECT_NE(find(findings, "JACK")->text.find("runs as the user matriz"), std::string::npos);
    facts.server = ServerVisit{.error = {},
                               .key_accepted = true,
                               .own_name = "porto",
                               .own_address = "203.0.113.5",
                               .reachable = false,
                               .port_taken = true,
                               .stun = {}};
    facts.stun.reset();
    expect(facts, "from outside", Verdict::bad, "cannot reach TCP port 8554 of 203.0.113.5, which another program");
    facts.machine.jackds.clear();
    expect(facts, "JACK", Verdict::bad, "no JACK server runs");
}

TEST(Judge, Machine) {
    Facts facts = well();
    facts.machine.governors = {"ondemand", "performance"};
    expect(facts, "CPU speed", Verdict::warning, "governor ondemand, performance");
    facts = well();
    facts.machine.clock_synchronised = false;
    expect(facts, "clock", Verdict::warning, "not set by the network");
    facts = well();
    facts.place.config->record = true;
    facts.machine.free_bytes = 100'000'000;
    expect(facts, "recording", Verdict::warning, "0.1 GB free");
}

TEST(Judge, Network) {
    Facts facts = well();
    (*facts.status)["server"]["state"] = "waiting";
    (*facts.status)["server"]["last_error"] = "connection refused";
    expect(facts, "server", Verdict::bad, "connection refused");
    facts = well();
    (*facts.status)["server"]["reachable"] = false;
    expect(facts, "from outside", Verdict::note, "only original nodes and RTSP players need that");
    (*facts.status)["server"]["reachable"] = Json::Value();
    expect(facts, "from outside", Verdict::note, "has not said yet");
    (*facts.status)["server"]["reachable"] = false;
    facts.place.config->transport = node::Transport::rtsp;
    expect(facts, "from outside", Verdict::bad, "could not reach");
    facts = well();
    facts.mtus = {{"a\033[2Jb", 1100}};
    expect(facts, "packet size", Verdict::bad, "only 1100 bytes");
    EXPECT_EQ(to_text(judge(facts), false).find('\033'), std::string::npos);
    facts = well();
    expect(facts, "packet size", Verdict::good, "1500 bytes, as far as this machine knows");
    expect(facts, "big packets", Verdict::good, "one of 1228 bytes, audio's largest, has reached h:3478");
    facts.big_packet = BigPacket{"h:3478", 1228, BigPacket::Result::refused, 1000};
    expect(facts, "big packets", Verdict::bad, "only 1000 bytes fit on the way to h:3478, and audio needs 1228");
    facts.big_packet = BigPacket{"h:3478", 1228, BigPacket::Result::silent, 0};
    expect(facts, "big packets", Verdict::note, "whether it arrived is not known");
    facts = well();
    expect(facts, "from outside", Verdict::good, "by TCP; it tries no UDP");
    facts.certificates = {{"the config server's", 5.0, {}}};
    expect(facts, "certificate", Verdict::warning, "5 more days");
    facts.certificates = {{"the config server's", -1.0, {}}};
    expect(facts, "certificate", Verdict::bad, "is over");
    facts = well();
    (*facts.status)["peers"][0]["name"] = "lisboa";
    (*facts.status)["peers"][0]["state"] = "waiting";
    (*facts.status)["peers"][0]["reason"] = "403 Forbidden";
    expect(facts, "peer", Verdict::warning, "lisboa is not heard: waiting, 403 Forbidden");
    facts = well();
    (*facts.status)["router"]["state"] = "refused";
    (*facts.status)["router"]["text"] = "the router does not open";
    expect(facts, "router", Verdict::warning, "does not open");
}

TEST(Judge, WhatWebrtcNeeds) {
    Facts facts = well();
    expect(facts, "way out", Verdict::good, "203.0.113.5 port 41000");
    expect(facts, "identity", Verdict::good, "AB:CD");
    facts.stun->seen_at.clear();
    expect(facts, "way out", Verdict::warning, "no answer");
    (*facts.status)["server"]["reachable"] = false;  // then this is the only way in
    expect(facts, "from outside", Verdict::bad, "could not reach");
    facts = well();
    for (int i = 0; i < 2; ++i) (*facts.status)["peers"][i]["turn_trouble"] = "the TURN server gave no relay";
    expect(facts, "relay", Verdict::warning, "gave no relay");
    EXPECT_EQ(std::ranges::count(judge(facts), "relay", &Finding::subject), 1);
    facts = well();
    facts.identity->exists = false;
    expect(facts, "identity", Verdict::warning, "in the clear");
    facts = well();
    facts.identity->readable = false;
    expect(facts, "identity", Verdict::note, "only the node's user");
    facts = well();
    facts.identity->error = "holds no certificate";
    expect(facts, "identity", Verdict::bad, "holds no certificate");
}

/// A status of another version, or of another program, must not end the doctor.
TEST(Judge, SurvivesAnyStatus) {
    for (const char* text :
         {"{}", R"({"jack":3,"server":[],"peers":{},"router":"x"})", R"({"peers":[1,null,{"name":2}]})",
          R"({"jack":{"state":"running","rate":"x","period":-1},"uptime_s":"long"})"}) {
        Facts facts = well();
        Json::Value status;
        Json::CharReaderBuilder builder;
        const std::string json = text;
        const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
        ASSERT_TRUE(reader->parse(json.data(), json.data() + json.size(), &status, nullptr));
        facts.status = status;
        EXPECT_FALSE(to_text(judge(facts), false).empty()) << text;
        EXPECT_FALSE(to_json(judge(facts)).empty()) << text;
    }
}

}  // namespace
}  // namespace matriz::ctl::doctor

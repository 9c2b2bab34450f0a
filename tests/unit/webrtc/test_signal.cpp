// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/signal.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"

namespace matriz::webrtc {
namespace {

const SessionId session{.epoch = "0123456789abcdef", .number = 7};

PeerSignal read(const std::string& text) { return decode(protocol::parse_object(text)); }

/// An object like the good ones, with `rest` in it.
std::string with(const std::string& rest) { return R"({"webrtc":1,"session":"0123456789abcdef-7",)" + rest + "}"; }

TEST(Signal, SurvivesTheWire) {
    const std::vector<PeerSignal> signals{
        {session, Call{.ask = "codecs=opus&red=1"}},
        {session, Call{.ask = "codecs=opus", .sends = ""}},
        {session, Call{}},
        {session, OfferSdp{.sdp = "v=0\r\n", .ask = "codecs=opus"}},
        {session, OfferSdp{.sdp = "v=0\r\n"}},
        {session, AnswerSdp{.sdp = "v=0\r\n"}},
        {session, Candidate{.mline = 2, .candidate = "candidate:1 1 UDP 2015363327 10.0.0.1 40000 typ host"}},
        {session, Candidate{}},
        {session, Bye{.code = Bye::Code::identity, .reason = "your certificate is not yours"}},
        {session, Bye{.code = Bye::Code::again}},
    };
    for (const PeerSignal& signal : signals)
        EXPECT_EQ(read(protocol::write(encode(signal))), signal) << protocol::write(encode(signal));
}

TEST(Signal, IsWrittenAsTheDocumentSays) {
    EXPECT_EQ(protocol::write(encode({session, Call{.ask = "codecs=opus"}})),
              R"({"call":{"ask":"codecs=opus"},"session":"0123456789abcdef-7","webrtc":1})");
    EXPECT_EQ(protocol::write(encode({session, Call{}})), R"({"call":{},"session":"0123456789abcdef-7","webrtc":1})");
}

TEST(Signal, ANewerNodeMaySayMore) {
    EXPECT_EQ(read(with(R"("call":{"more":[1]},"mood":"good")")), (PeerSignal{session, Call{}}));
    EXPECT_EQ(std::get<Bye>(read(with(R"("bye":{"code":"lunch"})")).what).code, Bye::Code::failed);
}

TEST(Signal, WhatIsNoneIsRefused) {
    const std::string lengthy(max_sdp + 1, 'a');
    for (const std::string& text : std::vector<std::string>{
             "{}",
             R"({"webrtc":2,"session":"0123456789abcdef-7","call":{}})",
             R"({"session":"0123456789abcdef-7","call":{}})",
             R"({"webrtc":1,"call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef","call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef-","call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef-0","call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef-7x","call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef--7","call":{}})",
             R"({"webrtc":1,"session":"0123456789ABCDEF-7","call":{}})",
             R"({"webrtc":1,"session":"0123456789abcdef-9999999999","call":{}})",
             R"({"webrtc":1,"session":7,"call":{}})",
             with(R"("what":1)"),
             with(R"("call":{},"bye":{})"),
             with(R"("call":"codecs=opus")"),
             with(R"("call":{"ask":7})"),
             with(R"("call":{"ask":")" + std::string(max_query + 1, 'a') + R"("})"),
             with(R"("offer":{})"),
             with(R"("offer":{"sdp":""})"),
             with(R"("offer":{"sdp":"v=0\u0000"})"),
             with(R"("offer":{"sdp":"v=0\u001b"})"),
             with(R"("answer":{"sdp":")" + lengthy + R"("})"),
             with(R"("candidate":{"mline":-1,"candidate":""})"),
             with(R"("candidate":{"mline":4,"candidate":""})"),
             with(R"("candidate":{"mline":0,"candidate":"candidate:1\r\na=evil"})"),
             with(R"("candidate":{"mline":0,"candidate":")" + std::string(max_candidate + 1, 'a') + R"("})"),
             with(R"("bye":{"reason":")" + std::string(max_reason + 1, 'a') + R"("})"),
             with(R"("bye":{"reason":"\u001b[31m"})"),
         })
        EXPECT_THROW(read(text), protocol::Malformed) << text;
    EXPECT_THROW(decode(Json::Value("call")), protocol::Malformed);
    EXPECT_THROW(decode(Json::Value()), protocol::Malformed);
}

}  // namespace
}  // namespace matriz::webrtc

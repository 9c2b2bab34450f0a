// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/sdp.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/protocol/codec.hpp"

namespace matriz::webrtc {
namespace {

using protocol::Malformed;

const std::string print =
    "12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0";

const std::string head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n";
const std::string ice = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\n";

std::string audio(const std::string& mid, const std::string& rest = "a=sendonly\r\n") {
    return "m=audio 9 UDP/TLS/RTP/SAVPF 96 100\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\n" + ice + "a=fingerprint:sha-256 " +
           print + "\r\na=mid:" + mid +
           "\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1; sprop-stereo=1\r\na=rtpmap:100 L16/44100\r\n" + rest;
}
std::string data(const std::string& mid) {
    return "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + ice + "a=fingerprint:SHA-256 " + print +
           "\r\na=mid:" + mid + "\r\na=sctp-port:5000\r\n";
}
std::string good() {
    return head + audio("0") + audio("1", "a=recvonly\r\na=ssrc:77 cname:someone@somewhere\r\n") + data("2");
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const auto at = text.find(what);
    if (at == std::string::npos) throw Error("the test has no \"{}\"", what);
    return text.replace(at, what.size(), with);
}

TEST(Sdp, IsReadWhereItMatters) {
    const Description description = parse_sdp(good());
    ASSERT_EQ(description.media.size(), 3U);
    const Media& first = description.media[0];
    EXPECT_FALSE(first.data);
    EXPECT_EQ(first.mid, "0");
    EXPECT_EQ(first.direction, Direction::sendonly);
    ASSERT_EQ(first.formats.size(), 2U);
    EXPECT_EQ(first.formats[0], (Format{96, "opus", 48000, 2, "stereo=1;sprop-stereo=1"}));
    EXPECT_EQ(first.formats[1], (Format{100, "L16", 44100, 1, ""}));
    EXPECT_EQ(first.fingerprint, print);
    EXPECT_EQ(first.setup, "actpass");
    EXPECT_EQ(description.media[1].ssrcs, std::vector<std::uint32_t>{77});
    EXPECT_TRUE(description.media[2].data);
    EXPECT_EQ(fingerprint_of(description), print);
}

TEST(Sdp, WrittenAnewItIsTheSame) {
    const Description description = parse_sdp(good());
    EXPECT_EQ(parse_sdp(write_sdp(description)), description);
    // Nobody's name or machine goes along.
    EXPECT_EQ(write_sdp(description).find("somewhere"), std::string::npos);
}

TEST(Sdp, WhatIsNotKnownIsLeftBehind) {
    const std::string strange = good() + "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=evil:1\r\n";
    EXPECT_EQ(parse_sdp(strange), parse_sdp(good()));
    // A parameter of that name would be a field of the caps.
    const auto tricky = parse_sdp(replaced(good(), "stereo=1; ", "clock-rate=1;payload=7;stereo=1; "));
    EXPECT_EQ(tricky.media[0].formats[0].fmtp, "stereo=1;sprop-stereo=1");
    // A static payload type without rtpmap, as browsers offer.
    const auto with_static = parse_sdp(replaced(good(), "SAVPF 96 100", "SAVPF 0 96 100"));
    EXPECT_EQ(with_static, parse_sdp(good()));
}

TEST(Sdp, WhatStandsAboveHoldsForAll) {
    std::string text = good();
    for (const std::string& line : {ice, "a=fingerprint:sha-256 " + print + "\r\n"})
        for (int i = 0; i < 2; ++i) text = replaced(text, line, "");
    text = replaced(text, "t=0 0\r\n", "t=0 0\r\n" + ice + "a=fingerprint:sha-256 " + print + "\r\n");
    EXPECT_EQ(parse_sdp(text), parse_sdp(good()));
}

TEST(Sdp, BundledMLinesMayHavePortZero) {
    const auto bundled = parse_sdp(replaced(good(), "m=audio 9 UDP", "m=audio 0 UDP"));
    EXPECT_TRUE(bundled.media[0].rejected);
    const auto only = parse_sdp(
        replaced(replaced(good(), "m=audio 9 UDP", "m=audio 0 UDP"), "a=rtcp-mux", "a=bundle-only\r\na=rtcp-mux"));
    EXPECT_EQ(only, parse_sdp(good()));
}

TEST(Sdp, WhatIsNoneOrTooMuchIsRefused) {
    std::string many = good();
    for (int i = 0; i < 65; ++i) many += fmt::format("a=candidate:{} 1 UDP 1 10.0.0.1 4000 typ host\r\n", i);
    std::string types;
    for (int i = 0; i < 25; ++i) types += fmt::format(" {}", i);
    const std::vector<std::string> texts{
        "",
        "v=0",
        "hello",
        head,
        good().substr(3),
        replaced(good(), "v=0", "v=1"),
        many,
        good() + std::string(17 * 1024, '\n'),
        good() + "a=" + std::string(2000, 'x') + "\r\n",
        good() + "a=x\x01\r\n",
        good() + "nonsense\r\n",
        replaced(good(), " 96 100", types),
        replaced(good(), " 96 100", " 96 96"),
        replaced(good(), " 96 100", ""),
        replaced(good(), " 96 100", " 128"),
        replaced(good(), "m=audio", "m=video"),
        replaced(good(), "UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        replaced(good(), "UDP/DTLS/SCTP", "UDP/SCTP"),
        replaced(good(), "BUNDLE 0 1 2", "BUNDLE 0 1"),
        replaced(good(), "a=group:BUNDLE 0 1 2\r\n", ""),
        replaced(good(), "a=mid:1", "a=mid:0"),
        replaced(good(), "a=mid:1\r\n", ""),
        replaced(good(), "a=rtcp-mux\r\n", ""),
        replaced(good(), "a=ice-pwd:0123456789abcdefghijkl", "a=ice-pwd:short"),
        replaced(good(), "a=ice-ufrag:abcd\r\n", ""),
        replaced(good(), "a=ice-ufrag:abcd", "a=ice-ufrag:a b c d"),
        replaced(good(), "a=setup:actpass", "a=setup:holdconn"),
        replaced(good(), "a=fingerprint:sha-256 " + print, "a=fingerprint:sha-256 12:34"),
        replaced(good(), "a=fingerprint:sha-256 " + print, "a=fingerprint:sha-1 12:34"),
        replaced(good(), "a=rtpmap:96 opus/48000/2", "a=rtpmap:96 opus/0"),
        replaced(good(), "a=rtpmap:96 opus/48000/2", "a=rtpmap:96 opus/48000/2\r\na=rtpmap:96 L16/48000/2"),
        replaced(good(), "a=sctp-port:5000", "a=sctp-port:0"),
        good() + good() + good(),
        replaced(good(), "BUNDLE 0 1 2", "BUNDLE 0 1 2 3") + data("3"),
    };
    for (const std::string& text : texts) EXPECT_THROW(parse_sdp(text), Malformed) << text;
}

TEST(Sdp, FingerprintsThatDifferCountAsNone) {
    std::string other = print;
    other[0] = 'F';
    const auto mixed = parse_sdp(replaced(good(), print, other));
    EXPECT_EQ(fingerprint_of(mixed), "");
    EXPECT_THROW(parse_sdp(replaced(good(), "a=mid:0", "a=fingerprint:sha-256 " + other + "\r\na=mid:0")), Malformed);
    Description ours = mixed;
    set_fingerprint(ours, other);
    EXPECT_EQ(fingerprint_of(ours), other);
}

TEST(SdpAnswer, OnlyWhatWasOffered) {
    const Description offer = parse_sdp(good());
    Description answer = offer;
    for (Media& media : answer.media) {
        media.direction = reversed(media.direction);
        media.setup = "active";
        if (!media.formats.empty()) media.formats.resize(1);
    }
    EXPECT_NO_THROW(check_answer(offer, answer));
    Description other = answer;
    other.media[0].formats[0].fmtp = "minptime=10;useinbandfec=1";  // as browsers do
    EXPECT_NO_THROW(check_answer(offer, other));
    const auto refused = [&](auto change) {
        Description changed = answer;
        change(changed);
        EXPECT_THROW(check_answer(offer, changed), Malformed);
    };
    refused([](Description& changed) { changed.media.pop_back(); });
    refused([](Description& changed) { changed.media[0].mid = "9"; });
    refused([](Description& changed) { std::swap(changed.media[0], changed.media[2]); });
    refused([](Description& changed) { changed.media[0].setup = "actpass"; });
    refused([](Description& changed) { changed.media[0].direction = Direction::sendrecv; });
    refused([](Description& changed) { changed.media[1].direction = Direction::recvonly; });
    refused([](Description& changed) { changed.media[0].formats[0].payload_type = 97; });
    refused([](Description& changed) { changed.media[0].formats[0].encoding = "PCMU"; });
    refused([](Description& changed) { changed.media[0].formats[0].rate = 8000; });
    refused([](Description& changed) { changed.media[0].formats[0].channels = 8; });
}

TEST(SdpAnswer, WhatComesIsWhatWasOfferedWhateverItSaysOfIt) {
    const Description offer = parse_sdp(good());
    Description answer = offer;
    answer.media[0].formats = {{96, "OPUS", 48000, 2, "frame=1;red-pt=7;red-codec=float32"}};
    answer.media[1].formats = {offer.media[1].formats[1], offer.media[1].formats[0]};
    answer.media[1].formats[0].fmtp = "frame=7";
    settle_answer(offer, answer);
    EXPECT_EQ(answer.media[0].formats, std::vector<Format>{offer.media[0].formats[0]});
    EXPECT_EQ(answer.media[1].formats, std::vector<Format>{offer.media[1].formats[1]});
    EXPECT_EQ(answer.media[2], offer.media[2]);
    // Nothing goes over a rejected m-line, whatever it names.
    answer.media[0].rejected = true;
    answer.media[0].formats = {{0, "PCMU", 8000, 1, ""}};
    EXPECT_NO_THROW(settle_answer(offer, answer));
}

TEST(Candidate, IsOneOrNone) {
    for (const char* text :
         {"", "candidate:1 1 UDP 2015363327 192.0.2.2 37408 typ host",
          "candidate:3 1 UDP 2015363839 fe80::fc:ff:fe00:1 50848 typ host",
          "candidate:842163049 1 udp 1677729535 203.0.113.7 45664 typ srflx raddr 0.0.0.0 rport 0 generation 0",
          "candidate:1 1 UDP 1 3c5b1f6e-1f6e-4f2a-9c50-aaaaaaaaaaaa.local 9 typ host"})
        EXPECT_TRUE(check_candidate(text)) << text;
    // Browsers have them, too: passed over, and no reason to refuse the rest.
    EXPECT_FALSE(check_candidate("candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active"));
    EXPECT_EQ(parse_sdp(good() + "a=candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active\r\n"),
              parse_sdp(good()));
    for (const char* text :
         {"candidate:", "a=candidate:1 1 UDP 1 10.0.0.1 9 typ host", "candidate:1 1 UDP 1 10.0.0.1 9 typ",
          "candidate:1 1 UDP 1 10.0.0.1 9 typ moon", "candidate:1 x UDP 1 10.0.0.1 9 typ host",
          "candidate:1 1 UDP 1 10.0.0.1\r\n 9 typ host", "candidate:1 1 UDP 1 /etc/passwd 9 typ host",
          "candidate:1 1 UDP 1 10.0.0.1 999999 typ host", "candidate:1 1 UDP 1 example.org 9 typ host",
          "candidate:1 1 UDP 1 10.0.0.1.example 9 typ host", "candidate:1 1 UDP 1 .local 9 typ host",
          "candidate:1 1 UDP 1 www.example.local 9 typ host", "candidate:1 1 UDP 1 10.0.0 9 typ host"})
        EXPECT_THROW(check_candidate(text), Malformed) << text;
    EXPECT_EQ(candidate_parts("candidate:1 1 UDP 7 192.0.2.2 37408 typ relay raddr 1.2.3.4").type, "relay");
    EXPECT_EQ(candidate_parts("candidate:1 1 UDP 7 192.0.2.2 37408 typ relay").address, "192.0.2.2");
    EXPECT_EQ(candidate_parts("nothing").type, "");
}

}  // namespace
}  // namespace matriz::webrtc

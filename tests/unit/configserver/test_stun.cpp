// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "configserver/ice/stun.hpp"
#include "configserver/settings/settings.hpp"

namespace matriz::ice {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::IsEmpty;

/// A Binding request with the transaction of RFC 5769, section 2, and these attributes.
Bytes request(const Bytes& attributes = {}) {
    Bytes bytes{0x00, 0x01, 0x00, static_cast<std::uint8_t>(attributes.size()),
                0x21, 0x12, 0xa4, 0x42,
                0xb7, 0xe7, 0xa7, 0x01,
                0xbc, 0x34, 0xd6, 0x86,
                0xfa, 0x87, 0xdf, 0xae};
    bytes.insert(bytes.end(), attributes.begin(), attributes.end());
    return bytes;
}

net::IpAddress address(const char* text) { return net::IpAddress::parse(text).value(); }

// The mapped addresses are those of RFC 5769, sections 2.2 and 2.3.
TEST(Stun, SaysTheIpv4AddressAsTheRfcsVectorDoes) {
    const Bytes answer = answer_binding(request(), address("192.0.2.1"), 32853);
    ASSERT_EQ(answer.size(), 32U);
    EXPECT_EQ(Bytes(answer.begin(), answer.begin() + 4), (Bytes{0x01, 0x01, 0x00, 0x0c}));
    const Bytes sent = request();
    EXPECT_TRUE(std::equal(sent.begin() + 4, sent.end(), answer.begin() + 4)) << "the transaction is the request's";
    EXPECT_EQ(Bytes(answer.begin() + 20, answer.end()),
              (Bytes{0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43}));
}

TEST(Stun, SaysTheIpv6AddressAsTheRfcsVectorDoes) {
    const Bytes answer = answer_binding(request(), address("2001:db8:1234:5678:11:2233:4455:6677"), 32853);
    ASSERT_EQ(answer.size(), 44U);
    EXPECT_EQ(Bytes(answer.begin() + 20, answer.end()),
              (Bytes{0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
                     0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9}));
}

TEST(Stun, PassesOverWhatIsOptionalAndWhatIsAboutAuthentication) {
    const Bytes software{0x80, 0x22, 0x00, 0x05, 'n', 'o', 'd', 'e', '1', 0, 0, 0};
    const Bytes username{0x00, 0x06, 0x00, 0x03, 'a', 'b', 'c', 0};
    Bytes both = software;
    both.insert(both.end(), username.begin(), username.end());
    EXPECT_EQ(answer_binding(request(both), address("192.0.2.1"), 1)[0], 0x01);
    EXPECT_EQ(answer_binding(request(both), address("192.0.2.1"), 1)[1], 0x01);
}

TEST(Stun, NamesWhatItDoesNotKnow) {
    const Bytes change_request{0x00, 0x03, 0x00, 0x04, 0, 0, 0, 0x06};  // RFC 5780
    const Bytes answer = answer_binding(request(change_request), address("192.0.2.1"), 1);
    ASSERT_EQ(answer.size(), 36U);
    EXPECT_EQ(answer[1], 0x11) << "an error response";
    EXPECT_EQ(Bytes(answer.begin() + 20, answer.end()),
              (Bytes{0x00, 0x09, 0x00, 0x04, 0, 0, 4, 20, 0x00, 0x0a, 0x00, 0x02, 0x00, 0x03, 0, 0}));
}

TEST(Stun, NeverAnswersWithMuchMoreThanItWasSent) {
    Bytes many;
    for (std::uint8_t i = 0; i < 30; ++i) many.insert(many.end(), {0x00, static_cast<std::uint8_t>(0x40 + i), 0, 0});
    const auto v6 = address("2001:db8::1");
    EXPECT_LE(answer_binding(request(many), v6, 1).size(), max_stun_answer);
    EXPECT_LE(answer_binding(request(), v6, 1).size(), max_stun_answer);
}

TEST(Stun, WhateverIsNoBindingRequestGetsNoAnswer) {
    const auto from = address("192.0.2.1");
    EXPECT_THAT(answer_binding({}, from, 1), IsEmpty());
    Bytes bytes = request();
    bytes.pop_back();
    EXPECT_THAT(answer_binding(bytes, from, 1), IsEmpty()) << "cut short";
    bytes = request();
    bytes[4] = 0;
    EXPECT_THAT(answer_binding(bytes, from, 1), IsEmpty()) << "RFC 3489, without the cookie";
    bytes = request();
    bytes[0] = 0x01;
    EXPECT_THAT(answer_binding(bytes, from, 1), IsEmpty()) << "a response: two servers must not talk for ever";
    bytes = request({0x00, 0x06, 0x00, 0x08, 1, 2, 3, 4});
    EXPECT_THAT(answer_binding(bytes, from, 1), IsEmpty()) << "an attribute beyond the end";
    EXPECT_THAT(answer_binding(Bytes(2000), from, 1), IsEmpty());
}

TEST(StunOn, IsBesideTheServersOwnPortUnlessNobodyOutsideCouldUseIt) {
    settings::Settings settings;
    EXPECT_EQ(settings.stun_on(), std::nullopt);
    settings.listen = "0.0.0.0:443";
    EXPECT_EQ(settings.stun_on(), (net::HostPort{"0.0.0.0", 3478}));
    settings.listen = "localhost:5000";
    EXPECT_EQ(settings.stun_on(), std::nullopt);
    settings.stun = "[::]:3479";
    EXPECT_EQ(settings.stun_on(), (net::HostPort{"::", 3479}));
    settings.stun = "off";
    EXPECT_EQ(settings.stun_on(), std::nullopt);
}

}  // namespace
}  // namespace matriz::ice

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/settings/settings.hpp"

namespace matriz::settings {
namespace {

Settings with(const std::string& listen, bool tls) {
    Settings settings;
    settings.listen = listen;
    if (tls) settings.tls_crt = settings.tls_key = "/somewhere.pem";
    return settings;
}

TEST(Settings, ListensOnThisMachineOnlyWithoutTls) {
    EXPECT_EQ(with("", false).listen_on(), (net::HostPort{"127.0.0.1", 5000}));
}

TEST(Settings, ListensEverywhereWithTls) { EXPECT_EQ(with("", true).listen_on(), (net::HostPort{"::", 5000})); }

TEST(Settings, ListensWhereAskedTo) {
    EXPECT_EQ(with("0.0.0.0:443", false).listen_on(), (net::HostPort{"0.0.0.0", 443}));
    EXPECT_EQ(with("127.0.0.1:8443", true).listen_on(), (net::HostPort{"127.0.0.1", 8443}));
}

TEST(Settings, AnswersStunWhereOthersCanReachIt) {
    EXPECT_EQ(with("", false).stun_on(), std::nullopt);
    EXPECT_EQ(with("localhost:5000", true).stun_on(), std::nullopt);
    EXPECT_EQ(with("[::1]:5000", true).stun_on(), std::nullopt);
    EXPECT_EQ(with("", true).stun_on(), (net::HostPort{"::", 3478}));
    EXPECT_EQ(with("192.0.2.1:5000", false).stun_on(), (net::HostPort{"192.0.2.1", 3478}));

    Settings settings = with("", true);
    settings.stun = "off";
    EXPECT_EQ(settings.stun_on(), std::nullopt);
    settings = with("", false);
    settings.stun = "[::]:3479";
    EXPECT_EQ(settings.stun_on(), (net::HostPort{"::", 3479}));
}

}  // namespace
}  // namespace matriz::settings

// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "common/base/error.hpp"
#include "tests/bench/netlab/spec.hpp"

namespace matriz::netlab {
namespace {

using namespace std::chrono_literals;

TEST(Spec, LinesAddUp) {
    const Spec spec = parse_spec(
        "# three places\n"
        "hosts porto lisboa montemor\n"
        "seed 42\n"
        "\n"
        "both * * delay=10   # everyone\n"
        "link porto lisboa loss=1 delay=12\n");
    EXPECT_EQ(spec.seed, 42U);
    EXPECT_EQ(spec.links.size(), 6U);
    EXPECT_EQ(spec.links.at({0, 1}).delay, 12ms);
    EXPECT_DOUBLE_EQ(spec.links.at({0, 1}).loss, 0.01);
    EXPECT_EQ(spec.links.at({1, 0}).delay, 10ms);
    EXPECT_EQ(spec.links.at({2, 1}).delay, 10ms);
    EXPECT_EQ(spec.address(0), "10.77.0.1");
    EXPECT_EQ(spec.address(2), "10.77.0.3");
    EXPECT_EQ(spec.host("montemor"), 2U);
}

TEST(Spec, AnotherNetwork) { EXPECT_EQ(parse_spec("network 192.168.5.0\nhosts a b\n").address(1), "192.168.5.2"); }

TEST(Spec, ErrorsNameTheLine) {
    const auto message = [](const char* text) {
        try {
            parse_spec(text);
        } catch (const std::exception& error) {
            return describe(error);
        }
        return std::string();
    };
    EXPECT_NE(message("hosts a b\nlink a c delay=1\n").find("line 2: no host is called c"), std::string::npos);
    EXPECT_NE(message("hosts a b\n\nlink a b delay=fast\n").find("line 3: delay=fast"), std::string::npos);
    EXPECT_NE(message("hosts a\n").find("line 1"), std::string::npos);
    EXPECT_NE(message("hosts a a\n").find("same name"), std::string::npos);
    EXPECT_NE(message("hosts a b\nwire a b\n").find("line 2: wire"), std::string::npos);
    EXPECT_NE(message("hosts a b\nlink a b\n").find("line 2"), std::string::npos);
    EXPECT_NE(message("hosts a b\nseed x\n").find("seed x"), std::string::npos);
    EXPECT_NE(message("network 10.0.0.1\n").find("network"), std::string::npos);
    EXPECT_NE(message("").find("missing"), std::string::npos);
}

TEST(Spec, AChangeIsWholeOrNotAtAll) {
    Spec spec = parse_spec("hosts a b\nboth a b delay=10\n");
    EXPECT_THROW(apply_link(spec, "both a b delay=20 loss=lots"), Error);
    EXPECT_EQ(spec.links.at({0, 1}).delay, 10ms);
    const auto changed = apply_link(spec, "link b a delay=20 jitter=exp:1");
    ASSERT_EQ(changed.size(), 1U);
    EXPECT_EQ(changed[0], (std::pair<std::size_t, std::size_t>{1, 0}));
    EXPECT_EQ(spec.links.at({1, 0}).delay, 20ms);
    EXPECT_EQ(spec.links.at({0, 1}).delay, 10ms);
}

}  // namespace
}  // namespace matriz::netlab

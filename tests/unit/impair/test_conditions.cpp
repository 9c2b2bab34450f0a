// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <initializer_list>

#include "common/base/error.hpp"
#include "tests/bench/netlab/conditions.hpp"

namespace matriz::netlab {
namespace {

using namespace std::chrono_literals;

Conditions make(std::initializer_list<const char*> settings) {
    Conditions c;
    for (const char* setting : settings) apply_setting(c, setting);
    return c;
}

TEST(Conditions, EverySettingIsUnderstood) {
    const Conditions c = make({"delay=10", "jitter=exp:1.5", "loss=5:3", "reorder=2:4", "dup=0.5", "rate=1000:50"});
    EXPECT_EQ(c.delay, 10ms);
    EXPECT_EQ(c.jitter.kind, JitterKind::exponential);
    EXPECT_EQ(c.jitter.amount, 1500us);
    EXPECT_DOUBLE_EQ(c.loss, 0.05);
    EXPECT_DOUBLE_EQ(c.burst, 3);
    EXPECT_DOUBLE_EQ(c.reorder, 0.02);
    EXPECT_EQ(c.reorder_by, 4ms);
    EXPECT_DOUBLE_EQ(c.duplicate, 0.005);
    EXPECT_EQ(c.rate, 1'000'000U);
    EXPECT_EQ(c.queue, 50ms);
}

TEST(Conditions, JitterHasItsKinds) {
    EXPECT_EQ(make({"jitter=none"}).jitter.kind, JitterKind::none);
    EXPECT_EQ(make({"jitter=const:2"}).jitter.kind, JitterKind::constant);
    EXPECT_EQ(make({"jitter=uniform:2"}).jitter.kind, JitterKind::uniform);
    const Jitter step = make({"jitter=step:0.5:8:10"}).jitter;
    EXPECT_EQ(step.kind, JitterKind::stepped);
    EXPECT_EQ(step.amount, 500us);
    EXPECT_EQ(step.step_amount, 8ms);
    EXPECT_EQ(step.step_length, 10s);
}

TEST(Conditions, WrittenAndReadAgainAreTheSame) {
    for (const char* jitter :
         {"jitter=none", "jitter=const:2", "jitter=uniform:2.5", "jitter=exp:1", "jitter=step:0.5:8:10"}) {
        const Conditions c = make({"delay=7.25", jitter, "loss=5:3", "reorder=2:4", "dup=1", "rate=64:20"});
        Conditions again;
        const std::string text = to_string(c);
        std::size_t start = 0;
        while (start < text.size()) {
            const auto end = std::min(text.find(' ', start), text.size());
            apply_setting(again, text.substr(start, end - start));
            start = end + 1;
        }
        EXPECT_EQ(again, c) << text;
    }
}

TEST(Conditions, NonsenseIsRefusedAndChangesNothing) {
    for (const char* setting : {"delay=x", "delay=-1", "delay=", "delay", "loss=101", "loss=1:0.5", "loss=1:2:3",
                                "jitter=exp", "jitter=exp:", "jitter=gauss:1", "jitter=step:1:2", "jitter=step:1:2:0",
                                "reorder=5", "rate=5", "rate=x:1", "dup=nan", "color=red", ""}) {
        Conditions c = make({"delay=1", "loss=2:3", "reorder=1:1", "rate=8:8"});
        const Conditions before = c;
        EXPECT_THROW(apply_setting(c, setting), Error) << setting;
        EXPECT_EQ(c, before) << setting;
    }
}

}  // namespace
}  // namespace matriz::netlab

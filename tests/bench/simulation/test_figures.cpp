// SPDX-License-Identifier: GPL-3.0-or-later
// Delay and audible events on the whole way of the sound, as docs/playout.md has them. Simulated time and a seed: a
// figure that changes was changed by the code alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/bench/simulation/chain.hpp"

namespace matriz::bench {
namespace {

using enum dsp::CodecId;
using probe::Background::speech;
using probe::Background::string;
using probe::Background::tone;

struct Figures {
    double latency = 0;   ///< ms, median of the seconds
    double events = 0;    ///< a minute
    double drop_out = 0;  ///< ms, the longest
};

// Seconds: together what the delay's long view looks back on.
constexpr double warm_up = 14;
constexpr double settling = 2;  // of the judgement

Figures listen(const Chain::Setup& setup, int seconds) {
    Chain chain(setup);
    chain.run_unheard(warm_up);
    chain.run(settling);
    chain.heard();
    Figures figures;
    std::vector<double> latencies;
    double judged = 0;
    for (int second = 0; second < seconds; ++second) {
        chain.run(1);
        const auto heard = chain.heard();
        if (heard.latency_ms) latencies.push_back(*heard.latency_ms);
        figures.events += heard.glitches.events;
        figures.drop_out = std::max(figures.drop_out, 1e3 * heard.glitches.longest_dropout);
        judged += heard.glitches.seconds;
    }
    EXPECT_GT(judged, 0.4 * seconds);
    EXPECT_EQ(latencies.size(), static_cast<std::size_t>(seconds));
    if (judged <= 0 || latencies.empty()) return figures;
    std::sort(latencies.begin(), latencies.end());
    figures.latency = latencies[latencies.size() / 2];
    figures.events *= 60 / judged;
    return figures;
}

struct Case {
    probe::Background signal;
    dsp::CodecId codec;
    double latency;     ///< ms
    double events = 0;  ///< a minute, no more than that
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
    std::string name(dsp::name(info.param.codec));
    std::replace(name.begin(), name.end(), '-', '_');
    switch (info.param.signal) {
        case probe::Background::string:
            return name + "_string";
        case probe::Background::speech:
            return name + "_speech";
        default:
            return name;
    }
}

/// A link of 10 ms, with 1 ms of jitter on average and 1 % loss. Latency: no more than that.
class FarLink : public testing::TestWithParam<Case> {
  protected:
    FarLink() {
        setup_.signal = GetParam().signal;
        setup_.codec = GetParam().codec;
        setup_.redundancy = 2;
        for (const char* setting : {"delay=10", "jitter=exp:1", "loss=1"}) netlab::apply_setting(setup_.link, setting);
    }
    void expect_near_and_clean(int seconds) const {
        const Figures figures = listen(setup_, seconds);
        EXPECT_LT(figures.latency, GetParam().latency);
        EXPECT_LT(figures.events, GetParam().events);
        EXPECT_LE(figures.drop_out, 2);
    }
    Chain::Setup setup_;
};

TEST_P(FarLink, IsNearAndClean) { expect_near_and_clean(setup_.signal == tone ? 45 : 30); }

// Of other seeds the mean is: strings 6, 8 and 1 events a minute, speech 3, 4 and 2; one event in these 30 s is 2 of
// them.
INSTANTIATE_TEST_SUITE_P(Figures, FarLink,
                         testing::Values(Case{tone, pcm16, 16.8, 4}, Case{tone, opus_custom, 18.2, 4},
                                         Case{tone, opus, 21.8, 4}, Case{string, pcm16, 16.8, 18},
                                         Case{string, opus_custom, 18.2, 18}, Case{string, opus, 21.8, 5},
                                         Case{speech, pcm16, 16.8, 9}, Case{speech, opus_custom, 18.2, 11},
                                         Case{speech, opus, 21.8, 7}),
                         case_name);

/// The same when each packet has a delay of its own and may overtake others, so that copies help against delays too.
class FarLinkOutOfOrder : public FarLink {
  protected:
    FarLinkOutOfOrder() { netlab::apply_setting(setup_.link, "reorder=100:0"); }
};

TEST_P(FarLinkOutOfOrder, IsNearerAndCleaner) { expect_near_and_clean(60); }

// One event is one a minute here, a little more since not all is judged. docs/playout.md has the means of three seeds.
INSTANTIATE_TEST_SUITE_P(Figures, FarLinkOutOfOrder,
                         testing::Values(Case{tone, pcm16, 15.2, 1.5}, Case{string, pcm16, 15.2, 2.5},
                                         Case{tone, opus_custom, 16.6, 1.5}, Case{string, opus_custom, 16.6, 2.5},
                                         Case{tone, opus, 20.3, 1.5}, Case{string, opus, 20.3, 1.5},
                                         Case{speech, opus, 20.3, 2.5}),
                         case_name);

/// The same with cards that lose sound every three seconds.
class FarLinkWithXruns : public FarLink {
  protected:
    FarLinkWithXruns() { setup_.xrun_every = 3; }
};

TEST_P(FarLinkWithXruns, OfBothEndsStaysSo) {
    setup_.xruns = Chain::Setup::Xruns::both;
    const Figures figures = listen(setup_, 45);
    EXPECT_LT(figures.latency, GetParam().latency);
    EXPECT_LT(figures.events, GetParam().events);
}

TEST_P(FarLinkWithXruns, OfTheSenderThatTellsStaysSo) {
    setup_.xruns = Chain::Setup::Xruns::sender;
    setup_.xruns_told = Chain::Setup::Told::found;
    const Figures figures = listen(setup_, 45);
    EXPECT_LT(figures.latency, GetParam().latency + 0.5);
    EXPECT_LT(figures.events, GetParam().events);
}

INSTANTIATE_TEST_SUITE_P(Figures, FarLinkWithXruns,
                         testing::Values(Case{tone, pcm16, 16.8, 6}, Case{tone, opus_custom, 18.2, 6},
                                         Case{tone, opus, 21.8, 6}),
                         case_name);

/// Jitter that grows from 0.5 ms to 8 ms and goes back.
class SteppedJitter : public testing::TestWithParam<std::tuple<dsp::CodecId, std::uint32_t>> {};

TEST_P(SteppedJitter, MakesFewPacketsLateAndIsForgotten) {
    const auto [codec, seed] = GetParam();
    Chain::Setup setup;
    setup.codec = codec;
    setup.seed = seed;
    for (const char* setting : {"delay=10", "jitter=exp:0.5"}) netlab::apply_setting(setup.link, setting);
    Chain chain(setup);
    const auto mean_target = [&] {
        double sum = 0;
        for (int second = 0; second < 10; ++second) {
            chain.run_unheard(1);
            sum += chain.metrics().target_ms;
        }
        return sum / 10;
    };
    chain.run_unheard(10);
    const double low = mean_target();
    const auto before = chain.metrics();
    auto worse = setup.link;
    netlab::apply_setting(worse, "jitter=exp:8");
    chain.change_link(worse);
    chain.run_unheard(1);
    EXPECT_LE(chain.metrics().late - before.late, 10U);
    EXPECT_GT(chain.metrics().delay_ms, 30);
    chain.run_unheard(9);
    chain.change_link(setup.link);
    chain.run_unheard(50);
    EXPECT_LT(mean_target(), low + 1.5);
}

INSTANTIATE_TEST_SUITE_P(Figures, SteppedJitter,
                         testing::Combine(testing::Values(pcm16, opus), testing::Values(1U, 2U, 3U, 4U)));

/// Nothing between the ends, as on one host: docs/latency.md has these figures.
class EmptyLink : public testing::TestWithParam<Case> {};

TEST_P(EmptyLink, IsAsNearAsTheDocumentsSay) {
    Chain::Setup setup;
    setup.codec = GetParam().codec;
    const Figures figures = listen(setup, 5);
    EXPECT_NEAR(figures.latency, GetParam().latency, 0.03);
    EXPECT_EQ(figures.events, 0);
}

INSTANTIATE_TEST_SUITE_P(Figures, EmptyLink,
                         testing::Values(Case{tone, pcm16, 1.95}, Case{tone, opus_custom, 3.28},
                                         Case{tone, opus, 6.72}),
                         case_name);

TEST(EmptyLinkWithStalls, IsNoFarther) {
    Chain::Setup setup;
    setup.stall_every = 5;
    EXPECT_NEAR(listen(setup, 30).latency, 1.95, 0.03);
}

/// 5 % loss in bursts of 3.
class BurstyLink : public testing::TestWithParam<Case> {};

TEST_P(BurstyLink, HasNoDropOut) {
    Chain::Setup setup;
    setup.signal = GetParam().signal;
    setup.codec = GetParam().codec;
    setup.redundancy = 2;
    for (const char* setting : {"delay=10", "loss=5:3"}) netlab::apply_setting(setup.link, setting);
    const Figures figures = listen(setup, 15);
    EXPECT_LT(figures.latency, GetParam().latency);
    EXPECT_LE(figures.drop_out, 5);
}

/// Copies so far apart that they outlive the bursts come too late for some: that is no reason to wait for the last of
/// them.
TEST(BurstyLinkWithFarCopies, IsNotMuchFarther) {
    Chain::Setup setup;
    setup.codec = opus;
    setup.redundancy = 3;
    setup.distance = 4;
    for (const char* setting : {"delay=10", "loss=5:3"}) netlab::apply_setting(setup.link, setting);
    const Figures figures = listen(setup, 15);
    EXPECT_LT(figures.latency, 27);
    EXPECT_LE(figures.drop_out, 5);
}

INSTANTIATE_TEST_SUITE_P(Figures, BurstyLink,
                         testing::Values(Case{tone, pcm16, 14.2}, Case{speech, pcm16, 14.2},
                                         Case{speech, opus_custom, 15.5}, Case{speech, opus, 21.4}),
                         case_name);

}  // namespace
}  // namespace matriz::bench

// SPDX-License-Identifier: GPL-3.0-or-later
// Delay and audible events on the whole way of the sound, as docs/playout.md has them. Simulated time and a seed: a
// figure that changes was changed by the code alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/bench/simulation/chain.hpp"

namespace matriz::bench {
namespace {

struct Figures {
    double latency = 0;  ///< ms, median of the seconds
    double events = 0;   ///< a minute
};

Figures listen(const Chain::Setup& setup) {
    constexpr int seconds = 60;
    Chain chain(setup);
    chain.run(20);
    chain.heard();
    Figures figures;
    std::vector<double> latencies;
    double judged = 0;
    for (int second = 0; second < seconds; ++second) {
        chain.run(1);
        const auto heard = chain.heard();
        if (heard.latency_ms) latencies.push_back(*heard.latency_ms);
        figures.events += heard.glitches.events;
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
    dsp::CodecId codec;
    double latency;  ///< no more than that, ms
};

/// A link of 10 ms, with 1 ms of jitter on average and 1 % loss.
class FarLink : public testing::TestWithParam<Case> {
  protected:
    FarLink() {
        setup_.codec = GetParam().codec;
        setup_.redundancy = 2;
        setup_.link.delay = std::chrono::milliseconds{10};
        setup_.link.jitter = {netlab::JitterKind::exponential, std::chrono::milliseconds{1}, {}, {}};
        setup_.link.loss = 0.01;
    }
    Chain::Setup setup_;
};

TEST_P(FarLink, IsNearAndClean) {
    const Figures figures = listen(setup_);
    EXPECT_LT(figures.latency, GetParam().latency);
    EXPECT_LT(figures.events, 4);
}

TEST_P(FarLink, StaysSoWhenBothEndsHaveXruns) {
    setup_.xruns = Chain::Setup::Xruns::both;
    setup_.xrun_every = 3;
    const Figures figures = listen(setup_);
    EXPECT_LT(figures.latency, GetParam().latency);
    EXPECT_LT(figures.events, 4);
}

TEST_P(FarLink, StaysSoWhenTheSenderTellsOfItsXruns) {
    setup_.xruns = Chain::Setup::Xruns::sender;
    setup_.xruns_told = Chain::Setup::Told::found;
    setup_.xrun_every = 3;
    const Figures figures = listen(setup_);
    EXPECT_LT(figures.latency, GetParam().latency + 0.5);
    EXPECT_LT(figures.events, 4);
}

INSTANTIATE_TEST_SUITE_P(Codecs, FarLink,
                         testing::Values(Case{dsp::CodecId::pcm16, 16.8}, Case{dsp::CodecId::opus_custom, 18.2},
                                         Case{dsp::CodecId::opus, 21.8}),
                         [](const auto& case_info) {
                             return std::string(case_info.param.codec == dsp::CodecId::pcm16  ? "pcm16"
                                                : case_info.param.codec == dsp::CodecId::opus ? "opus"
                                                                                              : "opus_custom");
                         });

}  // namespace
}  // namespace matriz::bench

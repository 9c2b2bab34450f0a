// SPDX-License-Identifier: GPL-3.0-or-later
// Runs with slow_association.cpp in front of the C library, which makes the wrong moment a long one.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/webrtc/rude_end.hpp"

namespace matriz::webrtc::test {
namespace {

TEST_F(TwoLinks, StreamsThatAreResetAsTheConnectionEndsHarmNothing) {
    constexpr int rounds = 8;
    lisboa_.tone = std::make_unique<Tone>(lisboa_.stream, lisboa_.volume);
    for (int i = 0; i < rounds; ++i) {
        RudeEnd rude(lisboa_, porto_, jackd().name());
        open(porto_);
        ASSERT_TRUE(wait_for([&] { return plays(porto_) && porto_.link->status().rtt_ms; })) << describe();
        rude.reset_channels();
        // What arrives in the middle of the end does so at another moment each time.
        std::this_thread::sleep_for(std::chrono::microseconds{400 * i});
        close(porto_);
    }
}

}  // namespace
}  // namespace matriz::webrtc::test

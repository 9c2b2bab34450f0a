// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/receiver.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "node/receiver/connection.hpp"

namespace matriz::receiver {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

bool wait_for(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + seconds{30};
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return true;
}

/// A port of this machine that nobody listens on.
ReceiverConfig nobody() {
    ReceiverConfig config;
    config.peer = "nobody";
    config.address = "127.0.0.1";
    config.port = 1;
    config.jack_client = "matriz-receiver-test";
    config.jack_server = "matriz-receiver-test-none";
    return config;
}

TEST(StreamUrl, HasTheAddressInBracketsWhereNeeded) {
    ReceiverConfig config;
    config.address = "10.0.0.1";
    config.port = 8554;
    EXPECT_EQ(stream_url(config), "rtsp://10.0.0.1:8554/stream");
    config.address = "2001:db8::1";
    EXPECT_EQ(stream_url(config), "rtsp://[2001:db8::1]:8554/stream");
}

TEST(Receiver, TriesAgainByItselfAndSaysWhy) {
    gst::Reaper reaper;
    const Receiver receiver(nobody(), reaper);
    ASSERT_TRUE(wait_for([&] { return receiver.status().attempts >= 3; }));
    ASSERT_TRUE(wait_for([&] { return receiver.status().state == State::retrying; }));
    EXPECT_NE(receiver.status().reason.find("cannot be reached"), std::string::npos) << receiver.status().reason;
    EXPECT_FALSE(receiver.status().first_packet);
}

TEST(Receiver, StoppingInAnyStateEndsInTheReaper) {
    gst::Reaper reaper;
    for (int i = 0; i < 50; ++i) {
        const Receiver receiver(nobody(), reaper);
        if (i % 3 == 1) wait_for([&] { return receiver.status().attempts >= 1; });
        if (i % 3 == 2) wait_for([&] { return receiver.status().state == State::retrying; });
    }
    EXPECT_TRUE(wait_for([&] { return reaper.pending() == 0; }));
}

}  // namespace
}  // namespace matriz::receiver

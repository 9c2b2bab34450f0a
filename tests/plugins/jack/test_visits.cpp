// SPDX-License-Identifier: GPL-3.0-or-later
// Peers that come and go as fast as they can, through matrizjacksink and a real jackd, leave nothing behind.
#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "plugins/jack/client.hpp"
#include "tests/plugins/jack/jack_server.hpp"
#include "tests/plugins/playout/packets.hpp"
#include "tests/unit/dsp/heap_count.hpp"

namespace matriz::plugin::test {
namespace {

using namespace std::chrono_literals;
using dsp::test::heap_in_use;
using jack::test::JackServer;

constexpr int peers = 8;
constexpr int visits = 1000;

class Visits : public testing::Test {
  protected:
    void SetUp() override {
        if (!JackServer::available()) GTEST_SKIP() << "no jackd here";
        server_.start(48000, 64);
        client_ = jack::Client::shared("visits-test", server_.name());
        for (int i = 0; i < 200 && !client_->try_open().empty(); ++i) std::this_thread::sleep_for(50ms);
        ASSERT_EQ(client_->status().state, jack::Status::State::open);
    }

    struct Held {
        std::size_t ports;
        long threads;
        long descriptors;
        dsp::test::HeapInUse heap;
    };
    Held held() const {
        const auto entries = [](const char* folder) {
            return std::distance(std::filesystem::directory_iterator(folder), {});
        };
        const std::size_t ports = client_->ports().size();
        const long threads = entries("/proc/self/task");
        const long descriptors = entries("/proc/self/fd");
        return {ports, threads, descriptors, heap_in_use()};
    }

    /// Until the audio thread has been there twice: what it plays then is what there is now.
    bool played() const {
        const auto end = std::chrono::steady_clock::now() + 20s;
        const auto cycles = client_->status().cycles;
        while (client_->status().cycles < cycles + 2) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(200us);
        }
        return true;
    }

    /// A peer comes, is heard for some packets, and goes; with each fourth its ports go too.
    void visit(int number) {
        const std::string peer = "peer" + std::to_string(number % peers);
        GstHarness* harness = gst_harness_new_parse(
            ("matrizjacksink client-name=visits-test port-prefix=" + peer + " server-name=" + server_.name()).c_str());
        gst_harness_set_src_caps_str(harness, kinds_[static_cast<std::size_t>(number) % kinds_.size()]);
        for (int i = 0; i < 4; ++i) {
            const auto seq = static_cast<std::uint16_t>(number + i);
            EXPECT_EQ(gst_harness_push(harness, pcm_packet(seq, static_cast<std::uint32_t>(i) * 64, 64)), GST_FLOW_OK);
        }
        ASSERT_TRUE(played());
        gst_harness_teardown(harness);
        if (number % 4 == 3) client_->release_ports(peer);
    }

    const std::array<const char*, 3> kinds_{
        pcm_caps, "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=97",
        "application/x-rtp,media=audio,encoding-name=L24,clock-rate=44100,channels=2,payload=97"};
    JackServer server_{"matriz-" + std::to_string(getpid()) + "-visits"};
    std::shared_ptr<jack::Client> client_;
};

TEST_F(Visits, LeaveNoHeapThreadDescriptorOrPort) {
    for (int number = 0; number < 20 * peers; ++number) visit(number);  // what is made once and kept is made
    const Held before = held();
    for (int number = 0; number < visits; ++number) visit(number);
    Held after = held();  // a thread of libjack's or the client's may hold something for a moment
    for (int i = 0; i < 200 && (after.heap.bytes > before.heap.bytes || after.threads > before.threads); ++i) {
        std::this_thread::sleep_for(50ms);
        after = held();
    }
    EXPECT_EQ(after.ports, before.ports);
    EXPECT_EQ(after.threads, before.threads);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_LE(after.heap.blocks, before.heap.blocks);
    EXPECT_LE(after.heap.bytes, before.heap.bytes);
}

TEST_F(Visits, HowManySoeverDoNotLookLikeAServerThatStandsStill) {
    const auto come_and_go = [this](std::stop_token stop) {
        while (!stop.stop_requested()) client_->ports();  // whoever asks holds the client meanwhile
    };
    const std::array<std::jthread, 2> threads{std::jthread(come_and_go), std::jthread(come_and_go)};
    for (const auto end = std::chrono::steady_clock::now() + 4s; std::chrono::steady_clock::now() < end;) {
        ASSERT_TRUE(played());
        ASSERT_FALSE(client_->status().hangs);
    }
}

}  // namespace
}  // namespace matriz::plugin::test

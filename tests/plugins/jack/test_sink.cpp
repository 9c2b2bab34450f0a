// SPDX-License-Identifier: GPL-3.0-or-later
// matrizjacksink in a pipeline against a real jackd.
#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "plugins/jack/client.hpp"
#include "tests/plugins/jack/jack_server.hpp"
#include "tests/plugins/playout/packets.hpp"

namespace matriz::plugin::test {
namespace {

using namespace std::chrono_literals;
using jack::test::JackServer;

class JackSink : public testing::Test {
  protected:
    void SetUp() override {
        if (!JackServer::available()) GTEST_SKIP() << "no jackd here";
    }
    void TearDown() override {
        if (harness_) gst_harness_teardown(harness_);
    }
    void make() {
        harness_ = gst_harness_new_parse(
            ("matrizjacksink client-name=sink-test port-prefix=porto server-name=" + server_.name()).c_str());
        gst_harness_set_src_caps_str(harness_, pcm_caps);
    }
    std::shared_ptr<jack::Client> client() { return jack::Client::shared("sink-test", server_.name()); }

    GstStructure* stats() {
        GstElement* sink = gst_harness_find_element(harness_, "matrizjacksink");
        GstStructure* structure = nullptr;
        g_object_get(sink, "stats", &structure, nullptr);
        gst_object_unref(sink);
        return structure;
    }
    bool playing() {
        GstStructure* structure = stats();
        gboolean value = FALSE;
        gst_structure_get_boolean(structure, "playing", &value);
        double peak = 0;
        gst_structure_get_double(structure, "level-peak", &peak);
        gst_structure_free(structure);
        return value && peak > 0.4;
    }
    /// Sends packets as time goes until `holds`.
    bool send_until(const std::function<bool()>& holds) {
        auto next = std::chrono::steady_clock::now();
        const auto end = next + 20s;
        while (!holds()) {
            if (next > end) return false;
            EXPECT_EQ(gst_harness_push(harness_, pcm_packet(seq_++, time_, 480)), GST_FLOW_OK);
            time_ += 480;
            next += 10ms;
            std::this_thread::sleep_until(next);
        }
        return true;
    }

    JackServer server_{"matriz-" + std::to_string(getpid()) + "-sink"};
    GstHarness* harness_ = nullptr;
    std::uint16_t seq_ = 0;
    std::uint32_t time_ = 0;
};

TEST_F(JackSink, PlaysAndSurvivesAServerOfAnotherRate) {
    server_.start(48000, 128);
    const auto shared = client();
    ASSERT_TRUE([&] {
        for (int i = 0; i < 200 && !shared->try_open().empty(); ++i) std::this_thread::sleep_for(50ms);
        return shared->status().state == jack::Status::State::open;
    }());
    make();
    EXPECT_TRUE(send_until([&] { return playing(); }));

    server_.stop(SIGKILL);
    EXPECT_TRUE(send_until([&] { return shared->status().state == jack::Status::State::lost; }));
    server_.start(44100, 256);
    EXPECT_TRUE(send_until([&] { return shared->try_open().empty(); }));
    EXPECT_EQ(shared->status().rate.hz, 44100U);
    EXPECT_TRUE(send_until([&] { return playing(); })) << "a playout for the new rate was not made";
    gst_harness_teardown(harness_);
    harness_ = nullptr;
    EXPECT_EQ(shared->status().state, jack::Status::State::open) << "the client is not the sink's";
}

TEST_F(JackSink, WaitsForAServerThatIsNotThereYet) {
    make();
    EXPECT_TRUE(send_until([&] { return seq_ > 5; })) << "packets are taken, and not waited for";
    server_.start(48000, 64);
    EXPECT_TRUE(send_until([&] { return client()->try_open().empty(); }));
    EXPECT_TRUE(send_until([&] { return playing(); }));
}

}  // namespace
}  // namespace matriz::plugin::test

// SPDX-License-Identifier: GPL-3.0-or-later
// The shared client against a real jackd.
#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/jack/client.hpp"
#include "tests/plugins/jack/jack_server.hpp"
#include "tests/probes/frozen_thread.hpp"

namespace matriz::jack::test {
namespace {

using namespace std::chrono_literals;
using probe::FrozenThread;
using State = Status::State;

/// Waits for what will come; a test that waits in vain fails.
bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = 15s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

class ClientTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!JackServer::available()) GTEST_SKIP() << "no jackd here";
        server_.start(48000, 128);
        client_ = Client::shared("matriz-test", server_.name());
        ASSERT_TRUE(eventually([&] { return client_->try_open().empty(); })) << client_->status().message;
    }

    /// What another program sees of the server.
    bool port_exists(const std::string& port) {
        Observer observer(server_.name());
        return observer.handle && jack_port_by_name(observer.handle, port.c_str()) != nullptr;
    }
    struct Observer {
        explicit Observer(const std::string& server)
            : handle(jack_client_open("observer", static_cast<jack_options_t>(JackNoStartServer | JackServerName),
                                      nullptr, server.c_str())) {}
        Observer(const Observer&) = delete;
        Observer& operator=(const Observer&) = delete;
        ~Observer() {
            if (handle) jack_client_close(handle);
        }
        jack_client_t* handle;
    };

    JackServer server_{"matriz-" + std::to_string(getpid()) + "-client"};  // as the harness names its own
    std::shared_ptr<Client> client_;
};

#ifdef __has_feature
constexpr bool under_thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool under_thread_sanitizer = false;  // that build is clang's
#endif

dsp::StreamFormat pcm() { return {dsp::CodecId::pcm16, {48000}, 1, {0}, {}}; }
dsp::PlayoutConfig config_of(const Client& client) {
    dsp::PlayoutConfig config;
    config.output_rate = client.status().rate;
    config.output_channels = 2;
    return config;
}

/// Pushes packets from a thread of its own until it goes.
class Sender {
  public:
    explicit Sender(dsp::Playout& playout) : playout_(playout), thread_([this] { run(); }) {}
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    ~Sender() {
        stop_ = true;
        thread_.join();
    }

  private:
    void run() {
        std::vector<std::uint8_t> packet(dsp::rtp_header_size + 960, 0x20);
        auto next = std::chrono::steady_clock::now();
        for (std::uint16_t seq = 0; !stop_; ++seq) {
            dsp::write_rtp_header({false, 97, {seq}, {seq * 480U}, 5},
                                  std::span<std::uint8_t, dsp::rtp_header_size>(packet.data(), dsp::rtp_header_size));
            playout_.push(packet, std::chrono::steady_clock::now().time_since_epoch());
            next += 10ms;
            std::this_thread::sleep_until(next);
        }
    }
    dsp::Playout& playout_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

TEST_F(ClientTest, IsOneForAllWhoNameIt) {
    EXPECT_EQ(Client::shared("matriz-test", server_.name()), client_);
    EXPECT_NE(Client::shared("another", server_.name()), client_);
    EXPECT_THROW(Client::shared("a:b", server_.name()), Error);
    EXPECT_THROW(Client::shared("", server_.name()), Error);
}

TEST_F(ClientTest, SaysRateAndPeriod) {
    const auto status = client_->status();
    EXPECT_EQ(status.state, State::open);
    EXPECT_EQ(status.rate.hz, 48000U);
    EXPECT_EQ(status.period, 128);
    EXPECT_TRUE(client_->try_open().empty()) << "open already";
}

TEST_F(ClientTest, PortsStayUntilReleased) {
    client_->keep_ports("porto", 2);
    EXPECT_TRUE(port_exists("matriz-test:porto_1"));
    EXPECT_TRUE(port_exists("matriz-test:porto_2"));
    {
        dsp::Playout playout(pcm(), config_of(*client_));
        client_->attach("porto", 2, playout);
        client_->detach(playout);
    }
    EXPECT_TRUE(port_exists("matriz-test:porto_2"));
    client_->keep_ports("porto", 1);
    EXPECT_FALSE(port_exists("matriz-test:porto_2"));
    client_->release_ports("porto");
    EXPECT_FALSE(port_exists("matriz-test:porto_1"));
    EXPECT_THROW(client_->keep_ports("x", 9), Error);
}

TEST_F(ClientTest, PlaysWhatIsAttachedAndLetsGoOfWhatIsDetached) {
    auto playout = std::make_unique<dsp::Playout>(pcm(), config_of(*client_));
    client_->attach("porto", 2, *playout);
    {
        const Sender sender(*playout);
        EXPECT_TRUE(eventually([&] { return playout->metrics().playing && playout->metrics().level_peak > 0.2; }));
    }
    // Coming and going while the callback runs: no use after free (the sanitizer builds watch).
    dsp::Playout other(pcm(), config_of(*client_));
    client_->attach("lisboa", 2, other);
    const Sender sender(other);
    for (int i = 0; i < 50; ++i) {
        client_->detach(*playout);
        playout = std::make_unique<dsp::Playout>(pcm(), config_of(*client_));
        client_->attach("porto", 2, *playout);
    }
    client_->detach(*playout);
    playout.reset();
    EXPECT_TRUE(eventually([&] { return other.metrics().playing; }));
    client_->detach(other);
}

/// How the server ends.
class ServerEnd : public ClientTest, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, ServerEnd, testing::Values(SIGKILL, SIGTERM));

TEST_P(ServerEnd, IsSurvived) {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<State> states;
    const auto subscription = client_->on_change([&](const Status& status) {
        const std::lock_guard lock(mutex);
        states.push_back(status.state);
        changed.notify_all();
    });
    const auto wait_for = [&](State state) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 15s, [&] { return !states.empty() && states.back() == state; });
    };
    dsp::Playout playout(pcm(), config_of(*client_));
    client_->attach("porto", 2, playout);
    {
        Observer observer(server_.name());
        ASSERT_TRUE(observer.handle);
        ASSERT_EQ(jack_connect(observer.handle, "matriz-test:porto_1", "system:playback_1"), 0);
    }
    const Sender sender(playout);
    ASSERT_TRUE(eventually([&] { return playout.metrics().playing; }));
    // The connection is learnt from a notification; give it its time before the server is shot.
    ASSERT_TRUE(
        eventually([&] { return client_->connections("porto", 1) == std::vector<std::string>{"system:playback_1"}; }));

    server_.stop(GetParam());
    EXPECT_TRUE(wait_for(State::lost));
    EXPECT_EQ(client_->status().state, State::lost);
    const std::string trouble = client_->try_open();
    EXPECT_NE(trouble.find("no JACK server"), std::string::npos) << trouble;
    EXPECT_EQ(client_->status().state, State::closed);

    server_.start(48000, 256);
    ASSERT_TRUE(eventually([&] { return client_->try_open().empty(); })) << client_->status().message;
    EXPECT_TRUE(wait_for(State::open));
    EXPECT_EQ(client_->status().period, 256);
    const auto before = playout.metrics().received;
    EXPECT_TRUE(eventually([&] { return playout.metrics().received > before && playout.metrics().playing; }));
    EXPECT_TRUE(eventually([&] {
        return client_->connections("porto", 1) == std::vector<std::string>{"system:playback_1"};
    })) << "the connection was not restored";
    client_->detach(playout);
}

/// Ports of another count are another matter than what was attached to the old ones.
class OtherCount : public ClientTest, public testing::WithParamInterface<std::pair<int, int>> {};
INSTANTIATE_TEST_SUITE_P(Channels, OtherCount, testing::Values(std::pair{2, 1}, std::pair{1, 2}));

TEST_P(OtherCount, LetsGoOfThePlayout) {
    const auto [before, after] = GetParam();
    auto config = config_of(*client_);
    config.output_channels = before;
    dsp::Playout playout(pcm(), config);
    client_->attach("porto", before, playout);
    const Sender sender(playout);
    ASSERT_TRUE(eventually([&] { return playout.metrics().playing; }));
    client_->keep_ports("porto", after);
    EXPECT_TRUE(eventually([&] { return playout.metrics().overflows > 0; }, 30s)) << "it is played still";
    EXPECT_EQ(client_->status().state, State::open);
    client_->detach(playout);
}

TEST_F(ClientTest, IsSilentForAPlayoutOfAnotherRate) {
    auto config = config_of(*client_);
    config.output_rate = {96000};
    dsp::Playout playout(pcm(), config);
    client_->attach("porto", 2, playout);
    const Sender sender(playout);
    EXPECT_TRUE(eventually([&] { return playout.metrics().overflows > 0; }, 30s)) << "nobody should take its packets";
    EXPECT_FALSE(playout.metrics().playing);
    client_->detach(playout);
}

/// Programs that open a client of the server and leave at once, again and again.
class Passers {
  public:
    explicit Passers(const std::string& server) {
        for (int n = 0; n < 3; ++n)
            threads_.emplace_back([this, server] {
                const std::string list = "jack_lsp -s " + server + " >/dev/null 2>&1";
                while (!stop_) came_ += std::system(list.c_str()) == 0 ? 1 : 0;
            });
    }
    Passers(const Passers&) = delete;
    Passers& operator=(const Passers&) = delete;
    ~Passers() {
        stop_ = true;
        for (auto& thread : threads_) thread.join();
    }
    int came() const { return came_; }

  private:
    std::atomic<bool> stop_{false};
    std::atomic<int> came_{0};
    std::vector<std::thread> threads_;
};

TEST_F(ClientTest, IsCalledOnAfterManyForeignersCameAndLeft) {
    if (std::system("command -v jack_lsp >/dev/null") != 0) GTEST_SKIP() << "no jack_lsp here";
    const auto other = Client::shared("matriz-test-send", server_.name());  // two in one process, as in a node
    ASSERT_TRUE(eventually([&] { return other->try_open().empty(); }));
    client_->keep_ports("x", 2);
    {
        const Passers passers(server_.name());
        ASSERT_TRUE(eventually([&] { return passers.came() >= 60; }, 90s));
    }
    for (const auto& client : {client_, other}) {
        const auto before = client->status().cycles;
        EXPECT_TRUE(eventually([&] { return client->status().state == State::open; })) << client->name();
        EXPECT_TRUE(eventually([&] { return client->status().cycles > before + 100; })) << client->name();
    }
    EXPECT_TRUE(port_exists("matriz-test:x_1"));
}

/// The thread that JACK wakes once a period: no other waits nearly as often. 0 while that cannot be told.
pid_t thread_of(const Client& client) {
    const auto before = FrozenThread::waits();
    const auto cycles = client.status().cycles;
    eventually([&] { return client.status().cycles > cycles + 200; });
    const auto [thread, count] = FrozenThread::most(before, FrozenThread::waits());
    return count > 100 ? thread : 0;
}

TEST_F(ClientTest, ThatJackPassesOverIsOpenedAnew) {
    if (under_thread_sanitizer) GTEST_SKIP() << "it puts signals off";
    client_->keep_ports("x", 1);
    std::atomic<bool> told{false};
    const auto subscription = client_->on_change([&](const Status& status) {
        if (status.state == State::lost && status.message.find("no longer calls") != std::string::npos) told = true;
    });
    ASSERT_TRUE(eventually([&] { return client_->status().cycles > 100; }));
    pid_t thread = 0;
    ASSERT_TRUE(eventually([&] { return (thread = thread_of(*client_)) != 0; }, 60s));
    {
        const FrozenThread frozen(thread);
        EXPECT_TRUE(eventually([&] { return told.load(); }));
    }
    const auto before = client_->status().cycles;
    EXPECT_TRUE(eventually([&] { return client_->status().cycles > before + 100; }));
    EXPECT_EQ(client_->status().state, State::open);
    EXPECT_TRUE(port_exists("matriz-test:x_1"));
}

TEST_F(ClientTest, AChangedPeriodIsToldAndPlaysOn) {
    dsp::Playout playout(pcm(), config_of(*client_));
    client_->attach("porto", 2, playout);
    const Sender sender(playout);
    ASSERT_TRUE(eventually([&] { return playout.metrics().playing; }));
    std::atomic<int> told{0};
    const auto subscription = client_->on_change([&](const Status& status) { told = status.period; });
    {
        Observer observer(server_.name());
        ASSERT_TRUE(observer.handle);
        ASSERT_EQ(jack_set_buffer_size(observer.handle, 512), 0);
    }
    EXPECT_TRUE(eventually([&] { return told == 512; }));
    const auto before = playout.metrics().received;
    EXPECT_TRUE(eventually([&] { return playout.metrics().received > before + 20 && playout.metrics().playing; }));
    client_->detach(playout);
}

TEST(Client, SaysWhatIsWrongWhenThereIsNoServer) {
    const auto client = Client::shared("matriz-test", "there-is-none");
    EXPECT_NE(client->try_open().find("no JACK server \"there-is-none\""), std::string::npos);
    EXPECT_EQ(client->status().state, State::closed);
    client->keep_ports("porto", 2);  // for when there is one
    client->release_ports("porto");
}

}  // namespace
}  // namespace matriz::jack::test

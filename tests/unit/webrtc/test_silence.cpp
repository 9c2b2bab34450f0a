// SPDX-License-Identifier: GPL-3.0-or-later
// The other end in a process of its own: it stands still (as after a cable was pulled), or dies without a word.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tests/unit/webrtc/two_links.hpp"

namespace matriz::webrtc::test {
namespace {

using receiver::State;

/// link_peer, and the pipes to it.
class PeerProcess {
  public:
    PeerProcess(std::vector<std::string> words, std::function<void(const Json::Value&)> on_signal) {
        words.insert(words.begin(), std::getenv("LINK_PEER"));
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        int in[2], out[2];
        EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
        EXPECT_EQ(posix_spawn(&pid_, argv[0], &files, nullptr, argv.data(), environ), 0);
        posix_spawn_file_actions_destroy(&files);
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = out[0];
        reader_ = std::thread([this, on_signal = std::move(on_signal)] { read_lines(on_signal); });
    }
    PeerProcess(const PeerProcess&) = delete;
    PeerProcess& operator=(const PeerProcess&) = delete;
    ~PeerProcess() {
        tell(SIGKILL);
        waitpid(pid_, nullptr, 0);
        reader_.join();
        ::close(to_);
        ::close(from_);
    }

    void tell(int signum) const { kill(pid_, signum); }
    /// What it cannot take is lost, as with a server that gave it up.
    void send(const Json::Value& body) const {
        const std::string line = protocol::write(body) + "\n";
        pollfd ready{.fd = to_, .events = POLLOUT, .revents = 0};
        if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
        EXPECT_EQ(write(to_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    }

  private:
    void read_lines(const std::function<void(const Json::Value&)>& on_signal) const {
        std::string text;
        char chunk[4096];
        for (ssize_t got; (got = read(from_, chunk, sizeof chunk)) > 0;) {
            text.append(chunk, static_cast<std::size_t>(got));
            for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
                on_signal(protocol::parse_object(text.substr(0, end)));
                text.erase(0, end + 1);
            }
        }
    }
    pid_t pid_ = 0;
    int to_ = -1;
    int from_ = -1;
    std::thread reader_;
};

/// How much slower than usual everything may be: sanitizers, a loaded machine.
double patience() {
    const char* text = std::getenv("MATRIZ_PATIENCE");
    return text != nullptr ? std::max(1.0, std::strtod(text, nullptr)) : 1.0;
}

/// The link under test is the offerer's or the caller's.
class Silence : public TwoLinks, public ::testing::WithParamInterface<bool> {
  protected:
    End& here() { return GetParam() ? lisboa_ : porto_; }
    void SetUp() override {
        if (std::getenv("LINK_PEER") == nullptr) GTEST_SKIP() << "no LINK_PEER to run";
        TwoLinks::SetUp();
        signal(SIGPIPE, SIG_IGN);
        here().tamper = [this](const Json::Value& body) {
            if (asks_early(here(), body)) ++early_;
            const std::lock_guard lock(peer_mutex_);
            if (peer_) peer_->send(body);
            return false;
        };
        begin_peer();
        open(here());
    }
    void TearDown() override {
        TwoLinks::TearDown();
        end_peer();
    }
    void begin_peer() {
        End& there = other(here());
        auto peer =
            std::make_unique<PeerProcess>(std::vector<std::string>{there.name, here().name, there.expects,
                                                                   folder_.make(there.name), jackd().name(), "opus"},
                                          [this](const Json::Value& body) {
                                              const std::lock_guard lock(here().mutex);
                                              if (here().link) here().link->receive(body);
                                          });
        const std::lock_guard lock(peer_mutex_);
        peer_ = std::move(peer);
    }
    void end_peer() {
        std::unique_ptr<PeerProcess> peer;
        {
            const std::lock_guard lock(peer_mutex_);
            peer = std::move(peer_);
        }
    }

    std::atomic<int> early_{0};
    std::mutex peer_mutex_;
    std::unique_ptr<PeerProcess> peer_;
};

TEST_P(Silence, IsNoticedAndTheConnectionGoesOnAfterwards) {
    ASSERT_TRUE(wait_for([&] { return plays(here()); })) << describe();
    const auto before = here().link->status().connections;
    const auto stopped = std::chrono::steady_clock::now();
    peer_->tell(SIGSTOP);
    ASSERT_TRUE(wait_for([&] { return !here().link->status().connected; })) << describe();
    // Its last ping came before; what is beyond is for the machine, which may be busy.
    EXPECT_LT(std::chrono::steady_clock::now() - stopped,
              (Link::silence_limit + std::chrono::milliseconds{500}) * patience());
    const auto status = here().link->status();
    EXPECT_EQ(status.state, State::retrying);
    EXPECT_NE(status.reason.find("nothing came from it for 3 s"), std::string::npos) << status.reason;
    EXPECT_TRUE(status.verified);  // it is kept
    peer_->tell(SIGCONT);
    ASSERT_TRUE(wait_for([&] { return plays(here()); })) << describe();
    EXPECT_LE(here().link->status().connections, before + 1);
}

TEST_P(Silence, AsksForAnotherConnectionLongBeforeItIsNoticed) {
    ASSERT_TRUE(wait_for([&] { return plays(here()); })) << describe();
    peer_->tell(SIGSTOP);
    ASSERT_TRUE(wait_for([&] { return here().link->status().state == State::retrying; })) << describe();
    EXPECT_GE(early_, 1);
    peer_->tell(SIGCONT);
    ASSERT_TRUE(wait_for([&] { return plays(here()); })) << describe();
}

TEST_P(Silence, AnotherProcessTakesTheDeadOnesPlace) {
    ASSERT_TRUE(wait_for([&] { return plays(here()); })) << describe();
    const auto before = here().link->status().connections;
    end_peer();
    ASSERT_TRUE(wait_for([&] { return !here().link->status().connected; })) << describe();
    EXPECT_NE(here().link->status().reason, "");
    begin_peer();
    ASSERT_TRUE(wait_for([&] { return plays(here()) && here().link->status().connections > before; })) << describe();
}

INSTANTIATE_TEST_SUITE_P(EitherSide, Silence, ::testing::Bool());

}  // namespace
}  // namespace matriz::webrtc::test

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/protocol/json.hpp"
#include "node/gst/init.hpp"
#include "node/identity/identity.hpp"
#include "node/webrtc/link.hpp"
#include "tests/plugins/jack/jack_server.hpp"
#include "tests/unit/webrtc/tone.hpp"

namespace matriz::webrtc::test {

inline bool wait_for(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds{40}) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return true;
}

/// A folder of the test's own.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "matriz-webrtc-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string make(const std::string& name) const {
        const auto folder = std::filesystem::path(path_) / name;
        std::filesystem::create_directory(folder);
        return folder.string();
    }

  private:
    std::string path_;
};

/// What happens to a signal on its way: it may be changed; false loses it.
using Tamper = std::function<bool(Json::Value& body)>;

/// One end: a node's name, identity and sound, and its link to the other.
struct End {
    std::string name;
    std::unique_ptr<identity::Identity> identity;
    std::string expects;  ///< the other's fingerprint
    emitter::StreamConfig stream;
    double volume = 0.5;
    bool sends = true;
    bool hears = true;
    negotiation::Ask ask = negotiation::ask_for_everything(SampleRate{48000}, Frames{64});
    std::vector<protocol::IceServer> ice_servers;
    Tamper tamper;  ///< with what it sends
    std::unique_ptr<Tone> tone;
    std::mutex mutex;  ///< guards link against signals that arrive
    std::unique_ptr<Link> link;
};

/// Two links in one process, joined by their signals.
class TwoLinks : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!jack::test::JackServer::available()) GTEST_SKIP() << "no jackd here";
        gst::initialise();
        jackd();
        for (End* end : {&lisboa_, &porto_}) {
            const bool first = end == &lisboa_;
            end->name = first ? "lisboa" : "porto";
            end->identity =
                std::make_unique<identity::Identity>(identity::Identity::load_or_make(folder_.make(end->name)));
        }
        lisboa_.expects = porto_.identity->fingerprint();
        porto_.expects = lisboa_.identity->fingerprint();
        porto_.volume = 0.1;
    }
    void TearDown() override {
        close(lisboa_);
        close(porto_);
    }

    End& other(const End& end) { return &end == &lisboa_ ? porto_ : lisboa_; }

    void open(End& end) {
        if (end.sends && !end.tone) end.tone = std::make_unique<Tone>(end.stream, end.volume);
        LinkConfig config;
        config.own_name = end.name;
        config.peer = other(end).name;
        config.fingerprint = end.expects;
        config.identity = end.identity.get();
        config.offer = end.sends ? &end.tone->offer : nullptr;
        config.hear = end.hears;
        // One client for both: several in one process can confuse libjack when they come and go.
        config.jack_client = "webrtc-test";
        config.jack_server = jackd().name();
        config.ask = [ask = end.ask] { return ask; };
        config.ice_servers = [servers = end.ice_servers] { return servers; };
        config.signal = [this, &end](const Json::Value& body) { carry(end, body); };
        auto link = std::make_unique<Link>(std::move(config));
        const std::lock_guard lock(end.mutex);
        end.link = std::move(link);
    }
    void open_both() {
        open(lisboa_);
        open(porto_);
    }
    void close(End& end) {
        std::unique_ptr<Link> link;
        {
            const std::lock_guard lock(end.mutex);
            link = std::move(end.link);
        }
        link.reset();
    }

    /// As the server does it: through text, and only to who is there.
    void carry(End& from, const Json::Value& body) {
        Json::Value copy = protocol::parse_object(protocol::write(body));
        if (from.tamper && !from.tamper(copy)) return;
        End& to = other(from);
        const std::lock_guard lock(to.mutex);
        if (to.link) to.link->receive(copy);
    }

    /// Whether `body`, which `end` is about to send, asks for another connection while the one in use plays.
    static bool asks_early(End& end, const Json::Value& body) {
        if (!body.isMember("call") && body["bye"]["code"] != "again") return false;
        const std::lock_guard lock(end.mutex);
        return end.link && end.link->status().state == receiver::State::playing;
    }
    static bool plays(const End& end) {
        const auto status = end.link->status();
        return status.state == receiver::State::playing && status.connected && status.playout.level_rms > 0.01;
    }
    std::string describe() const {
        std::string text;
        for (const End* end : {&lisboa_, &porto_}) {
            if (!end->link) continue;
            const auto status = end->link->status();
            text += fmt::format(
                "{}: {} ({}), connected {} verified {} refused {} path {} codec {} received {} rms {}\n", end->name,
                receiver::name(status.state), status.reason, status.connected, status.verified, status.refused,
                status.path, status.codec, status.playout.received, status.playout.level_rms);
        }
        return text;
    }

    /// One for all tests, for the same reason.
    static jack::test::JackServer& jackd() {
        static jack::test::JackServer server(fmt::format("webrtc-test-{}", getpid()));
        static const bool started = [] {
            server.start(48000, 64);
            return true;
        }();
        EXPECT_TRUE(started);
        return server;
    }

    Folder folder_;
    End lisboa_;
    End porto_;
};

}  // namespace matriz::webrtc::test

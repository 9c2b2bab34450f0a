// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "tests/unit/webrtc/rude_end.hpp"
#include "tests/unit/webrtc/two_links.hpp"

namespace matriz::webrtc::test {
namespace {

using receiver::State;

std::size_t entries(const char* folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST_F(TwoLinks, SoundGoesBothWays) {
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
    ASSERT_TRUE(wait_for([&] { return lisboa_.link->status().one_way_ms && porto_.link->status().one_way_ms; }))
        << describe();
    const auto status = lisboa_.link->status();
    EXPECT_EQ(status.peer_fingerprint, porto_.identity->fingerprint());
    EXPECT_EQ(status.path, "lan");
    EXPECT_EQ(status.transport, "webrtc");
    EXPECT_TRUE(status.verified);
    EXPECT_TRUE(status.sending);
    EXPECT_TRUE(status.rtt_ms);
    EXPECT_TRUE(status.first_packet);
    EXPECT_EQ(status.codec, "opus");
    EXPECT_EQ(status.reason, "");
    EXPECT_FALSE(status.refused || status.hopeless);
    // Each hears the other, not itself.
    ASSERT_TRUE(wait_for([&] {
        return lisboa_.link->status().playout.level_rms < 0.15 && porto_.link->status().playout.level_rms > 0.25;
    })) << describe();
    // What the other reports of our packets reaches the offer, which chooses the redundancy by it.
    ASSERT_TRUE(wait_for([&] {
        const auto guests = porto_.tone->offer.guests();
        return porto_.link->status().report && guests.size() == 1 && guests.front().report && guests.front().red;
    })) << describe();
}

TEST_F(TwoLinks, EachWayHasItsOwnCodec) {
    lisboa_.stream.codec = dsp::CodecId::pcm16;
    porto_.stream.codec = dsp::CodecId::opus_custom;
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
    EXPECT_EQ(lisboa_.link->status().playout.malformed, 0U);
    EXPECT_EQ(porto_.link->status().playout.malformed, 0U);
}

TEST_F(TwoLinks, WhoCannotPlayTheConfiguredCodecIsNamedWithTheReason) {
    lisboa_.stream.codec = porto_.stream.codec = dsp::CodecId::opus_custom;
    porto_.ask.period = lisboa_.ask.period = Frames{128};
    open_both();
    ASSERT_TRUE(wait_for([&] { return lisboa_.link->status().sending && porto_.link->status().sending; }))
        << describe();
    for (const End* end : {&lisboa_, &porto_}) {
        const auto status = end->link->status();
        EXPECT_EQ(status.sending_codec, "opus");
        EXPECT_NE(status.sending_reason.find("the same JACK rate and period"), std::string::npos)
            << status.sending_reason;
    }
    close(lisboa_);
    close(porto_);
    lisboa_.ask.period = Frames{64};
    open_both();
    ASSERT_TRUE(wait_for([&] { return porto_.link->status().sending; })) << describe();
    EXPECT_EQ(porto_.link->status().sending_reason, "");
}

TEST_F(TwoLinks, ADirectionNobodyWantsIsLeftOut) {
    lisboa_.hears = false;
    open_both();
    ASSERT_TRUE(wait_for([&] {
        return plays(porto_) && lisboa_.link->status().state == State::playing && lisboa_.link->status().rtt_ms;
    })) << describe();
    EXPECT_FALSE(porto_.link->status().sending);
    EXPECT_TRUE(lisboa_.link->status().sending);
    close(lisboa_);
    close(porto_);
    lisboa_.hears = true;
    lisboa_.sends = false;
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && porto_.link->status().state == State::playing; }))
        << describe();
    EXPECT_EQ(porto_.link->status().codec, "");
}

/// Which of the two expects another certificate than the other has.
class WrongFingerprint : public TwoLinks, public ::testing::WithParamInterface<bool> {};

TEST_P(WrongFingerprint, NoSoundAndBothKnowWhy) {
    End& strict = GetParam() ? lisboa_ : porto_;
    End& refused = other(strict);
    strict.expects = strict.identity->fingerprint();
    open_both();
    ASSERT_TRUE(wait_for([&] { return strict.link->status().refused && refused.link->status().refused; }))
        << describe();
    const auto status = strict.link->status();
    EXPECT_NE(status.reason.find(refused.identity->fingerprint()), std::string::npos) << status.reason;
    EXPECT_EQ(status.peer_fingerprint, refused.identity->fingerprint());
    EXPECT_NE(refused.link->status().reason.find("refuses us"), std::string::npos) << refused.link->status().reason;
    for (const End* end : {&lisboa_, &porto_}) {
        EXPECT_FALSE(end->link->status().hopeless);
        EXPECT_FALSE(end->link->status().sending);
        EXPECT_FALSE(end->link->status().first_packet);
        EXPECT_EQ(end->tone->offer.main().sinks(), 0U);
    }
}
INSTANTIATE_TEST_SUITE_P(EitherSide, WrongFingerprint, ::testing::Bool());

/// Somebody between the two (who has the server) puts the expected fingerprint into its own description.
class Impostor : public TwoLinks, public ::testing::WithParamInterface<bool> {};

TEST_P(Impostor, IsFoundOutByTheCertificateThatDtlsUsed) {
    End& impostor = GetParam() ? lisboa_ : porto_;
    End& victim = other(impostor);
    const std::string true_one = impostor.identity->fingerprint();
    impostor.identity = std::make_unique<identity::Identity>(identity::Identity::load_or_make(folder_.make("mallory")));
    impostor.tamper = [true_one, false_one = impostor.identity->fingerprint()](Json::Value& body) {
        for (const char* kind : {"offer", "answer"}) {
            if (!body.isMember(kind)) continue;
            std::string sdp = body[kind]["sdp"].asString();
            for (auto at = sdp.find(false_one); at != std::string::npos; at = sdp.find(false_one))
                sdp.replace(at, false_one.size(), true_one);
            body[kind]["sdp"] = sdp;
        }
        return true;
    };
    open_both();
    ASSERT_TRUE(wait_for([&] { return victim.link->status().refused; })) << describe();
    const auto status = victim.link->status();
    EXPECT_NE(status.reason.find("Somebody may be in between"), std::string::npos) << status.reason;
    EXPECT_EQ(status.peer_fingerprint, impostor.identity->fingerprint());
    EXPECT_FALSE(status.first_packet);
    EXPECT_FALSE(status.sending);
    EXPECT_EQ(victim.tone->offer.main().sinks(), 0U);
    EXPECT_FALSE(impostor.link->status().first_packet);
    ASSERT_TRUE(wait_for([&] { return impostor.link->status().refused; })) << describe();
}
INSTANTIATE_TEST_SUITE_P(EitherSide, Impostor, ::testing::Bool());

TEST_F(TwoLinks, RefreshMakesAnotherConnectionWhileTheOldOnePlays) {
    open_both();
    for (End* end : {&porto_, &lisboa_}) {
        ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
        const auto before = std::pair(lisboa_.link->status().connections, porto_.link->status().connections);
        end->link->refresh("the address has changed");
        ASSERT_TRUE(wait_for([&] {
            return lisboa_.link->status().connections == before.first + 1 &&
                   porto_.link->status().connections == before.second + 1 && plays(lisboa_) && plays(porto_);
        })) << describe();
        EXPECT_EQ(lisboa_.link->status().reason, "");
    }
}

TEST_F(TwoLinks, SoundThatStopsWhileTheConnectionLivesIsNoReasonForAnother) {
    // The links say goodbye after this test has ended.
    const auto early = std::make_shared<std::atomic<int>>(0);
    for (End* end : {&lisboa_, &porto_})
        end->tamper = [end, early](const Json::Value& body) {
            if (asks_early(*end, body)) ++*early;
            return true;
        };
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_) && porto_.link->status().rtt_ms; }))
        << describe();
    lisboa_.tone->copies = 0;
    ASSERT_TRUE(wait_for([&] { return porto_.link->status().state == State::retrying; })) << describe();
    EXPECT_EQ(porto_.link->status().reason, "it is connected, but no sound comes from it");
    EXPECT_EQ(*early, 0);
    lisboa_.tone->copies = 1;
    ASSERT_TRUE(wait_for([&] { return plays(porto_); })) << describe();
}

TEST_F(TwoLinks, ALostSignalIsMadeUpFor) {
    // The first of each kind is lost. The links say goodbye after this test has ended.
    struct Seen {
        std::mutex mutex;
        std::vector<std::string> kinds;
    };
    const auto seen = std::make_shared<Seen>();
    const Tamper lose = [seen](const Json::Value& body) {
        const std::lock_guard lock(seen->mutex);
        auto& kinds = seen->kinds;
        for (const char* kind : {"call", "offer", "answer"}) {
            if (!body.isMember(kind) || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
            kinds.emplace_back(kind);
            return false;
        }
        return true;
    };
    lisboa_.tamper = porto_.tamper = lose;
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
    EXPECT_EQ(seen->kinds.size(), 3U);
}

TEST_F(TwoLinks, ATurnServerThatGivesNoRelayIsNamed) {
    porto_.ice_servers = {{.urls = {"turn:127.0.0.1:9?transport=udp"}, .username = "porto", .credential = "wrong"}};
    lisboa_.tamper = porto_.tamper = [](const Json::Value& body) { return !body.isMember("candidate"); };
    open_both();
    ASSERT_TRUE(wait_for([&] {
        return porto_.link->status().reason.find("the TURN server 127.0.0.1 gave") != std::string::npos;
    })) << describe();
    EXPECT_FALSE(porto_.link->status().connected);
    ASSERT_TRUE(wait_for([&] { return lisboa_.link->status().hopeless && porto_.link->status().hopeless; }))
        << describe();
}

TEST_F(TwoLinks, ATurnServerThatGivesNoRelayIsNamedWhereNoneIsNeeded) {
    porto_.ice_servers = {{.urls = {"turn:127.0.0.1:9?transport=udp"}, .username = "porto", .credential = "wrong"}};
    open_both();
    ASSERT_TRUE(wait_for([&] {
        return plays(porto_) && porto_.link->status().turn_trouble.find("127.0.0.1 gave") != std::string::npos;
    })) << describe();
    EXPECT_EQ(porto_.link->status().reason, "");
    EXPECT_EQ(lisboa_.link->status().turn_trouble, "");
}

TEST_F(TwoLinks, AFirstAttemptThatFailsIsSoonFollowedByAnother) {
    const auto closed = std::make_shared<std::atomic<bool>>(true);
    lisboa_.tamper =
        porto_.tamper = [closed](const Json::Value& body) { return !*closed || !body.isMember("candidate"); };
    open_both();
    for (const char* reason : {"within 4 s", "within 10 s"})
        ASSERT_TRUE(wait_for([&] {
            // Whichever of the two is first tells the other.
            return lisboa_.link->status().reason.find(reason) != std::string::npos ||
                   porto_.link->status().reason.find(reason) != std::string::npos;
        })) << reason
            << "\n"
            << describe();
    *closed = false;
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
}

TEST_F(TwoLinks, APeerThatCallsForEverCostsLittle) {
    open(lisboa_);
    Json::Value call;
    call["webrtc"] = 1;
    call["call"] = Json::objectValue;
    for (int n = 1; n <= 2000; ++n) {
        call["session"] = fmt::format("0123456789abcdef-{}", n);
        lisboa_.link->receive(call);
        Json::Value garbage = call;
        garbage["call"] = "?";
        lisboa_.link->receive(garbage);
    }
    ASSERT_TRUE(wait_for([&] { return lisboa_.link->status().attempts >= 2; })) << describe();
    EXPECT_LE(lisboa_.link->status().attempts, 6U);
    // It is still there for the true one.
    open(porto_);
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
}

TEST_F(TwoLinks, APeerThatAsksForAnotherCallForEverCostsLittle) {
    porto_.tamper = [this](const Json::Value& body) {
        if (!body.isMember("call")) return false;
        Json::Value again;
        again["webrtc"] = 1;
        again["session"] = body["session"];
        again["bye"]["code"] = "again";
        const std::lock_guard lock(porto_.mutex);
        for (int i = 0; porto_.link && i < 50; ++i) porto_.link->receive(again);
        return false;
    };
    const auto began = std::chrono::steady_clock::now();
    open(porto_);
    constexpr int calls = 6;
    ASSERT_TRUE(wait_for([&] { return porto_.link->status().attempts >= calls; })) << describe();
    EXPECT_GE(std::chrono::steady_clock::now() - began, (calls - 1) * std::chrono::milliseconds{300});
    close(porto_);
    porto_.tamper = {};
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
}

TEST_F(TwoLinks, WhoOffersGarbageIsToldAndCalledAgain) {
    // The link says goodbye after this test has ended.
    const auto seen = std::make_shared<std::pair<std::atomic<int>, std::atomic<int>>>();
    porto_.tamper = [this, seen](const Json::Value& body) {
        if (body.isMember("bye") && body["bye"]["code"] == "failed") ++seen->second;
        if (!body.isMember("call")) return false;
        ++seen->first;
        Json::Value offer;
        offer["webrtc"] = 1;
        offer["session"] = body["session"];
        offer["offer"]["sdp"] = "v=0\r\nm=audio 9 RTP/AVP 0\r\n";
        const std::lock_guard lock(porto_.mutex);
        if (porto_.link) porto_.link->receive(offer);
        return false;
    };
    open(porto_);
    ASSERT_TRUE(wait_for([&] { return seen->first >= 3 && seen->second >= 2; })) << describe();
    EXPECT_NE(porto_.link->status().reason.find("not understood"), std::string::npos) << describe();
}

TEST_F(TwoLinks, AFloodEndsTheConnectionAndIsNamed) {
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
    lisboa_.tone->copies = 40;
    ASSERT_TRUE(wait_for([&] { return porto_.link->status().reason.find("packets a second") != std::string::npos; }))
        << describe();
    EXPECT_FALSE(porto_.link->status().connected);
    lisboa_.tone->copies = 1;
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
}

TEST_F(TwoLinks, WhoOpensMoreChannelsThanOneIsCutOff) {
    lisboa_.tone = std::make_unique<Tone>(lisboa_.stream, lisboa_.volume);
    RudeEnd rude(lisboa_, porto_, jackd().name());
    open(porto_);
    ASSERT_TRUE(wait_for([&] { return plays(porto_) && porto_.link->status().rtt_ms; })) << describe();
    rude.open_channels(100);
    ASSERT_TRUE(wait_for([&] {
        return porto_.link->status().reason.find("more data channels than one") != std::string::npos;
    })) << describe();
    EXPECT_FALSE(porto_.link->status().connected);
    close(porto_);
}

TEST_F(TwoLinks, ReplayedSignalsChangeNothing) {
    // The links say goodbye after this test has ended.
    struct Tape {
        std::mutex mutex;
        std::vector<std::pair<End*, Json::Value>> heard;
    };
    const auto tape = std::make_shared<Tape>();
    for (End* end : {&lisboa_, &porto_})
        end->tamper = [this, tape, end](const Json::Value& body) {
            const std::lock_guard lock(tape->mutex);
            tape->heard.emplace_back(&other(*end), body);
            return true;
        };
    open_both();
    ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << describe();
    const auto attempts = lisboa_.link->status().attempts;
    std::vector<std::pair<End*, Json::Value>> again;
    {
        const std::lock_guard lock(tape->mutex);
        again = tape->heard;
    }
    for (auto& [end, body] : again)
        if (!body.isMember("bye")) end->link->receive(body);
    const auto received = porto_.link->status().playout.received;
    ASSERT_TRUE(wait_for([&] { return porto_.link->status().playout.received > received + 400; })) << describe();
    EXPECT_TRUE(plays(lisboa_) && plays(porto_)) << describe();
    EXPECT_EQ(lisboa_.link->status().attempts, attempts);
}

/// What this process holds; the least of what is seen for a while, since threads of pools come and go.
struct Held {
    std::size_t threads = SIZE_MAX;
    std::size_t files = SIZE_MAX;
    void look() {
        threads = std::min(threads, entries("/proc/self/task"));
        files = std::min(files, entries("/proc/self/fd"));
    }
};

Held held() {
    Held least;
    int looks = 0;
    wait_for([&] {
        least.look();
        return ++looks == 100;
    });
    return least;
}

void expect_no_more_than(const Held& before) {
    Held now;
    wait_for([&] {
        now.look();
        return now.threads <= before.threads && now.files <= before.files;
    });
    EXPECT_LE(now.threads, before.threads);
    EXPECT_LE(now.files, before.files);
}

TEST_F(TwoLinks, ConnectingAndPartingLeavesNothingBehind) {
    constexpr int cycles = 30;
    constexpr int warm = 5;
    Held before;
    for (int i = 0; i < cycles; ++i) {
        open_both();
        ASSERT_TRUE(wait_for([&] { return plays(lisboa_) && plays(porto_); })) << i << "\n" << describe();
        close(i % 2 == 0 ? lisboa_ : porto_);
        close(i % 2 == 0 ? porto_ : lisboa_);
        if (i == warm) before = held();
    }
    expect_no_more_than(before);
}

TEST_F(TwoLinks, PartingInTheMiddleOfConnectingLeavesNothingBehind) {
    constexpr int cycles = 200;
    constexpr int warm = 24;
    constexpr int signals = 6;  ///< call, offer, answer and what there are of candidates; then DTLS, then they know
    // The links say goodbye after this test has ended.
    const auto passed = std::make_shared<std::atomic<int>>(0);
    lisboa_.tamper = porto_.tamper = [passed](const Json::Value&) {
        ++*passed;
        return true;
    };
    Held before;
    for (int i = 0; i < cycles; ++i) {
        const int moment = i % (signals + 2);
        *passed = 0;
        open_both();
        const auto come = [&] {
            if (moment <= signals) return *passed >= moment;
            return lisboa_.link->status().connected || porto_.link->status().connected;
        };
        ASSERT_TRUE(wait_for(come)) << moment << "\n" << describe();
        close(i % 3 == 0 ? lisboa_ : porto_);
        close(i % 3 == 0 ? porto_ : lisboa_);
        if (i == warm) before = held();
    }
    expect_no_more_than(before);
}

}  // namespace
}  // namespace matriz::webrtc::test

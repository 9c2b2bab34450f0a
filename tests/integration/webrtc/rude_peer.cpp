// SPDX-License-Identifier: GPL-3.0-or-later
// A member of the room whose certificate is the right one, and who does as it likes once it is connected: an offerer
// (its name is the smaller one) that answers each call, for ever. Signals are lines of JSON on its standard input and
// output; its first line is its fingerprint, others that are no signals say what it does.
#include <nice/agent.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "common/base/log.hpp"
#include "common/protocol/json.hpp"
#include "node/gst/init.hpp"
#include "node/gst/worker.hpp"
#include "node/webrtc/connection.hpp"
#include "node/webrtc/signal.hpp"
#include "node/webrtc/webrtc_api.hpp"
#include "tests/unit/webrtc/tone.hpp"

namespace matriz::webrtc::test {
namespace {

/// What of the connection no interface gives away: taken where its signals pass, in the whole process.
class Inside {
  public:
    Inside() {
        gst::Ref<GstElement>::sink(gst_element_factory_make("webrtcbin", nullptr));  // so that the types are there
        hook("on-ice-candidate", g_type_from_name("GstWebRTCBin"), &Inside::webrtcbin_);
        hook("on-message-data", GST_TYPE_WEBRTC_DATA_CHANNEL, &Inside::channel_);
    }
    glib::Ref<GObject> webrtcbin() const { return get(&Inside::webrtcbin_); }
    glib::Ref<GObject> channel() const { return get(&Inside::channel_); }
    void forget() {
        const std::lock_guard lock(mutex_);
        webrtcbin_.reset();
        channel_.reset();
    }

  private:
    using Member = glib::Ref<GObject> Inside::*;
    struct Hook {
        Inside* self;
        Member member;
    };
    void hook(const char* signal, GType type, Member member) {
        g_signal_add_emission_hook(
            g_signal_lookup(signal, type), 0,
            [](GSignalInvocationHint*, guint, const GValue* values, gpointer data) -> gboolean {
                const auto* told = static_cast<Hook*>(data);
                const std::lock_guard lock(told->self->mutex_);
                told->self->*told->member =
                    glib::Ref<GObject>::share(static_cast<GObject*>(g_value_get_object(values)));
                return TRUE;
            },
            new Hook{this, member}, [](gpointer data) { delete static_cast<Hook*>(data); });
    }
    glib::Ref<GObject> get(Member member) const {
        const std::lock_guard lock(mutex_);
        return this->*member;
    }
    mutable std::mutex mutex_;
    glib::Ref<GObject> webrtcbin_;
    glib::Ref<GObject> channel_;
};

class RudePeer {
  public:
    RudePeer(const identity::Identity& identity, std::string peer, std::string fingerprint, std::string mode)
        : identity_(identity), peer_(std::move(peer)), fingerprint_(std::move(fingerprint)), mode_(std::move(mode)) {
        if (mode_ == "sound") tone_.copies = 40;
        attack_ = std::thread([this] {
            while (!ended_) attack();
        });
    }
    RudePeer(const RudePeer&) = delete;
    RudePeer& operator=(const RudePeer&) = delete;
    ~RudePeer() {
        ended_ = true;
        attack_.join();
        inside_.forget();
        worker_.run([this] { connection_.reset(); });
    }

    void receive(const Json::Value& body) {
        worker_.post([this, signal = decode(body)] {
            try {
                std::visit([&](const auto& what) { on(signal.session, what); }, signal.what);
            } catch (const std::exception& error) {
                say(fmt::format("what came of a signal: {}", error.what()));
            }
        });
    }

  private:
    static void say(const std::string& text) {
        std::printf("%s\n", text.c_str());
        std::fflush(stdout);
    }
    static void send(const PeerSignal& signal) { say(protocol::write(encode(signal))); }

    void on(const SessionId& id, const Call& call) {
        up_ = false;
        inside_.forget();
        connection_.reset();
        const auto ask = mode_ == "listen"
                             ? std::optional(negotiation::ask_for_everything(SampleRate{48000}, Frames{64}))
                             : std::nullopt;
        ConnectionConfig config{.peer = peer_,
                                .fingerprint = fingerprint_,
                                .identity = &identity_,
                                .jack_client = {},
                                .jack_server = {},
                                .ice_servers = {},
                                .capture_latency = {}};
        ConnectionEvents events{.description =
                                    [id, ask](const std::string& sdp) {
                                        send({id, OfferSdp{.sdp = sdp, .ask = ask ? to_query(*ask) : std::string()}});
                                    },
                                .candidate =
                                    [id](int mline, const std::string& text) {
                                        send({id, Candidate{.mline = mline, .candidate = text}});
                                    },
                                .failed = [](Trouble, const std::string& reason) { say("failed: " + reason); },
                                .verified = [this, id] { worker_.post([this, id] { verified(id); }); }};
        connection_ = std::make_unique<Connection>(std::move(config), log_, worker_.context(), std::move(events));
        if (const auto sending = parse_sending(call.sends); ask && sending)
            connection_->make_offer(std::nullopt, format_of(stream_for(ask, *sending)));
        else
            connection_->make_offer(outgoing_for(&tone_.offer, call.ask), std::nullopt);
    }
    void on(const SessionId&, const OfferSdp&) {}
    void on(const SessionId&, const AnswerSdp& answer) {
        if (connection_) connection_->take_answer(parse_sdp(answer.sdp));
    }
    void on(const SessionId&, const Candidate& candidate) {
        if (connection_) connection_->add_candidate(candidate.mline, candidate.candidate);
    }
    void on(const SessionId&, const Bye& bye) { say("goodbye: " + bye.reason); }

    void verified(const SessionId& id) {
        if (mode_ != "listen") connection_->play();  // needs JACK; packets come without
        up_ = true;
        say("connected");
        if (mode_ == "renegotiate") send({id, Bye{.code = Bye::Code::again, .reason = "once more"}});
    }

    /// A little of it, again and again.
    void attack() {
        constexpr std::chrono::milliseconds breath{1};
        std::this_thread::sleep_for(breath);
        if (!up_) return;
        if (mode_ == "channels") open_channel();
        if (mode_ == "messages") send_messages();
        if (mode_ == "dtls") send_junk();
    }
    void open_channel() {
        const auto webrtcbin = inside_.webrtcbin();
        if (!webrtcbin) return;
        GObject* channel = nullptr;
        g_signal_emit_by_name(webrtcbin.get(), "create-data-channel", "another", nullptr, &channel);
        glib::Ref<GObject>::adopt(channel);
    }
    void send_messages() {
        const auto channel = inside_.channel();
        guint64 waiting = 0;
        if (channel) g_object_get(channel.get(), "buffered-amount", &waiting, nullptr);
        constexpr guint64 most_waiting = 100'000;
        constexpr int at_once = 20;
        const auto data = glib::Ref<GBytes>::adopt(g_bytes_new(junk_.data(), junk_.size()));
        for (int i = 0; channel && waiting < most_waiting && i < at_once; ++i)
            g_signal_emit_by_name(channel.get(), "send-data", data.get());
    }
    /// What looks like DTLS, on the way that ICE has found.
    void send_junk() {
        const auto webrtcbin = inside_.webrtcbin();
        GObject* ice = nullptr;
        GObject* agent = nullptr;
        if (webrtcbin) g_object_get(webrtcbin.get(), "ice-agent", &ice, nullptr);
        if (ice != nullptr) g_object_get(ice, "agent", &agent, nullptr);
        const auto held_ice = glib::Ref<GObject>::adopt(ice);
        const auto held = glib::Ref<GObject>::adopt(agent);
        constexpr int at_once = 20;
        for (int i = 0; held && i < at_once; ++i) {
            constexpr std::array<std::array<char, 3>, 3> heads{
                {{'\x16', '\xfe', '\xfd'}, {'\x17', '\xfe', '\xfd'}, {'\x80', '\x60', '\x00'}}};
            const auto& head = heads[static_cast<std::size_t>(i) % heads.size()];
            std::copy(head.begin(), head.end(), junk_.begin());
            nice_agent_send(NICE_AGENT(held.get()), 1, 1, static_cast<guint>(junk_.size()), junk_.data());
        }
    }

    const identity::Identity& identity_;
    const std::string peer_;
    const std::string fingerprint_;
    const std::string mode_;
    const log::Logger log_{"rude"};
    std::array<char, 600> junk_{};
    Inside inside_;
    Tone tone_{{.codec = dsp::CodecId::opus}, 0.1};
    std::unique_ptr<Connection> connection_;
    std::atomic<bool> up_{false};
    std::atomic<bool> ended_{false};
    gst::Worker worker_{"rude"};
    std::thread attack_;
};

}  // namespace
}  // namespace matriz::webrtc::test

int main(int argc, char** argv) {
    using namespace matriz;
    if (argc != 5) {
        std::fprintf(
            stderr,
            "rude_peer PEER FINGERPRINT IDENTITY_FOLDER sound|channels|messages|dtls|renegotiate|listen, or - for the "
            "fingerprint alone\n");
        return 2;
    }
    gst::initialise();
    const auto identity = identity::Identity::load_or_make(argv[3]);
    std::printf("%s\n", identity.fingerprint().c_str());
    std::fflush(stdout);
    if (std::string_view(argv[4]) == "-") return 0;
    webrtc::test::RudePeer peer(identity, argv[1], argv[2], argv[4]);
    for (std::string line; std::getline(std::cin, line);) peer.receive(protocol::parse_object(line));
    return 0;
}

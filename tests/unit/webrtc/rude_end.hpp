// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "common/base/log.hpp"
#include "node/gst/worker.hpp"
#include "node/webrtc/connection.hpp"
#include "node/webrtc/signal.hpp"
#include "tests/unit/webrtc/two_links.hpp"

namespace matriz::webrtc::test {

/// In the place of an end's link, a program that has the right certificate and does as it likes afterwards: it makes
/// its peer, who calls, one offer, and answers no call after that.
class RudeEnd {
  public:
    /// Takes `end`'s place for `peer`, whose link is not open yet.
    RudeEnd(End& end, End& peer, std::string jack_server)
        : end_(end), peer_(peer), jack_server_(std::move(jack_server)) {
        peer_.tamper = [this](const Json::Value& body) {
            receive(body);
            return false;
        };
    }
    RudeEnd(const RudeEnd&) = delete;
    RudeEnd& operator=(const RudeEnd&) = delete;
    ~RudeEnd() {
        worker_.run([this] { connection_.reset(); });
    }

    /// Once it hears its peer.
    void open_channels(int count) {
        worker_.run([this, count] {
            const auto webrtcbin =
                gst::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline().get()), "webrtc"));
            for (int i = 0; i < count; ++i) {
                GObject* channel = nullptr;
                g_signal_emit_by_name(webrtcbin.get(), "create-data-channel", "another", nullptr, &channel);
                glib::Ref<GObject>::adopt(channel);
            }
        });
    }

    /// Once it hears its peer: resets the streams of all its channels, as closing them does (RFC 8831, section 6.7).
    void reset_channels() {
        worker_.run([this] {
            GstIterator* elements = gst_bin_iterate_all_by_element_factory_name(GST_BIN(pipeline().get()), "sctpenc");
            gst_iterator_foreach(
                elements,
                [](const GValue* item, gpointer) {
                    auto* encoder = GST_ELEMENT(g_value_get_object(item));
                    while (encoder->sinkpads != nullptr)
                        gst_element_release_request_pad(encoder, GST_PAD(encoder->sinkpads->data));
                },
                nullptr);
            gst_iterator_free(elements);
        });
    }

  private:
    void receive(const Json::Value& body) {
        worker_.post([this, signal = decode(body)] {
            std::visit([&](const auto& what) { on(signal.session, what); }, signal.what);
        });
    }
    void send(const Json::Value& body) const {
        const std::lock_guard lock(peer_.mutex);
        if (peer_.link) peer_.link->receive(body);
    }
    gst::Ref<GstElement> pipeline() const {
        return gst::Ref<GstElement>::adopt(GST_ELEMENT(gst_object_get_parent(GST_OBJECT(connection_->sink()))));
    }
    void on(const SessionId& id, const Call& call) {
        if (connection_) return;
        ConnectionConfig config{.peer = peer_.name,
                                .fingerprint = peer_.identity->fingerprint(),
                                .identity = end_.identity.get(),
                                .jack_client = "webrtc-test",
                                .jack_server = jack_server_,
                                .ice_servers = {},
                                .capture_latency = {}};
        ConnectionEvents events{.description =
                                    [this, id](const std::string& sdp) {
                                        send(encode({id, OfferSdp{.sdp = sdp, .ask = ask()}}));
                                    },
                                .candidate =
                                    [this, id](int mline, const std::string& candidate) {
                                        send(encode({id, Candidate{.mline = mline, .candidate = candidate}}));
                                    },
                                .failed = [](Trouble, const std::string&) {},
                                .verified = [this] { worker_.post([this] { connection_->play(); }); }};
        connection_ = std::make_unique<Connection>(std::move(config), log_, worker_.context(), std::move(events));
        const auto sending = parse_sending(call.sends);
        ASSERT_TRUE(sending);
        auto incoming = format_of(stream_for(negotiation::parse_query(ask()), *sending));
        ++incoming.payload_type;  // ours has the other
        connection_->make_offer(outgoing_for(&end_.tone->offer, call.ask), incoming);
    }
    void on(const SessionId&, const OfferSdp&) { FAIL() << "an offer to who offers"; }
    void on(const SessionId&, const AnswerSdp& answer) { connection_->take_answer(parse_sdp(answer.sdp)); }
    void on(const SessionId&, const Candidate& candidate) {
        if (connection_) connection_->add_candidate(candidate.mline, candidate.candidate);
    }
    void on(const SessionId&, const Bye&) {}
    static std::string ask() {
        return negotiation::to_query(negotiation::ask_for_everything(SampleRate{48000}, Frames{64}));
    }

    End& end_;
    End& peer_;
    const std::string jack_server_;
    const log::Logger log_{"rude"};
    std::unique_ptr<Connection> connection_;
    gst::Worker worker_{"rude"};
};

}  // namespace matriz::webrtc::test

// SPDX-License-Identifier: GPL-3.0-or-later
// How a connection comes to be agreed: offer, answer and candidates.
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/codec.hpp"
#include "node/webrtc/connection.hpp"
#include "node/webrtc/webrtc_api.hpp"

namespace matriz::webrtc {
namespace {

/// Text of the error in a promise's reply; empty when there is none.
std::string error_in(const GstStructure* reply) {
    if (reply == nullptr) return {};
    if (gst_structure_has_field(reply, "error") == FALSE) return {};
    GError* error = nullptr;
    gst_structure_get(reply, "error", G_TYPE_ERROR, &error, nullptr);
    std::string text = error != nullptr ? error->message : "it gave no reason";
    g_clear_error(&error);
    return text;
}

std::string sdp_in(const GstStructure* reply, const char* field) {
    GstWebRTCSessionDescription* description = nullptr;
    if (reply == nullptr || field == nullptr) return {};
    gst_structure_get(reply, field, GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &description, nullptr);
    if (description == nullptr) return {};
    const auto text = gst::own(gst_sdp_message_as_text(description->sdp));
    gst_webrtc_session_description_free(description);
    return text ? text.get() : "";
}

}  // namespace

/// A promise of webrtcbin's that runs `reply` on our thread, with the description in `field` if there is one.
GstPromise* Connection::promise(const char* field, Reply reply) {
    struct Pending {
        Mailbox<Connection>::Address to;
        const char* field;
        Reply reply;
    };
    const auto on_change = [](GstPromise* changed, gpointer data) {
        auto& pending = *static_cast<Pending*>(data);
        const bool replied = gst_promise_wait(changed) == GST_PROMISE_RESULT_REPLIED;
        const GstStructure* answer = replied ? gst_promise_get_reply(changed) : nullptr;
        try {
            pending.to.post([reply = pending.reply, error = error_in(answer),
                             sdp = sdp_in(answer, pending.field)](Connection& self) { reply(self, error, sdp); });
        } catch (const std::exception&) {  // out of memory: the time-outs see to it
        }
    };
    return gst_promise_new_with_change_func(on_change, new Pending{mailbox_.address(), field, std::move(reply)},
                                            [](gpointer data) { delete static_cast<Pending*>(data); });
}

void Connection::ask_webrtcbin(const char* signal, const char* field, Reply reply) {
    GstPromise* promised = promise(field, std::move(reply));
    g_signal_emit_by_name(webrtcbin_, signal, nullptr, promised);
    gst_promise_unref(promised);
}

void Connection::set_description(const char* signal, bool offer, const Description& description, Reply reply) {
    GstSDPMessage* message = nullptr;
    if (gst_sdp_message_new_from_text(write_sdp(description).c_str(), &message) != GST_SDP_OK)
        throw protocol::Malformed("a session description that GStreamer does not understand");
    GstWebRTCSessionDescription* boxed =
        gst_webrtc_session_description_new(offer ? GST_WEBRTC_SDP_TYPE_OFFER : GST_WEBRTC_SDP_TYPE_ANSWER, message);
    GstPromise* promised = promise(nullptr, std::move(reply));
    g_signal_emit_by_name(webrtcbin_, signal, boxed, promised);
    gst_promise_unref(promised);
    gst_webrtc_session_description_free(boxed);
}

void Connection::add_transceiver(const Format& format) {
    const auto caps = caps_of(format, std::nullopt);
    GObject* transceiver = nullptr;
    g_signal_emit_by_name(webrtcbin_, "add-transceiver", GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_RECVONLY, caps.get(),
                          &transceiver);
    if (transceiver == nullptr) throw Error("webrtcbin takes no transceiver");
    g_object_unref(transceiver);
}

/// For an answer 1.22 gives each m-line the first transceiver whose caps fit, whatever m-line that was made for: they
/// have to be there in the m-lines' order.
void Connection::make_transceivers(int send_line) {
    for (int line = 0; line < static_cast<int>(offered_.media.size()); ++line) {
        const Media& media = offered_.media[static_cast<std::size_t>(line)];
        if (media.data) continue;
        if (outgoing_ && line == send_line)
            request_sink(line);
        else
            add_transceiver(media.formats.front());
    }
}

void Connection::make_offer(std::optional<Outgoing> outgoing, std::optional<Format> incoming) {
    outgoing_ = std::move(outgoing);
    incoming_ = std::move(incoming);
    allow_packets();
    if (outgoing_) request_sink(0);
    if (incoming_) add_transceiver(*incoming_);
    const auto options = gst::own(
        gst_structure_new("options", "ordered", G_TYPE_BOOLEAN, FALSE, "max-retransmits", G_TYPE_INT, 0, nullptr));
    GObject* channel = nullptr;
    g_signal_emit_by_name(webrtcbin_, "create-data-channel", channel_label(), options.get(), &channel);
    const auto held = glib::Ref<GObject>::adopt(channel);
    if (!held) throw Error("webrtcbin makes no data channel; is the package gstreamer1.0-plugins-bad complete?");
    take_channel(held.get());
    ask_webrtcbin("create-offer", "offer", [](Connection& self, const std::string& error, const std::string& sdp) {
        self.describe_ourselves(true, error, sdp);
    });
}

void Connection::take_offer(Description offer, const Choice& choice, std::optional<Outgoing> outgoing) {
    offered_ = std::move(offer);
    if (choice.hear_line >= 0) incoming_ = choice.hear;
    if (choice.send_line >= 0 && outgoing) {
        outgoing_ = std::move(outgoing);
        outgoing_->format = choice.send;
    }
    allow_packets();
    admit_candidates(offered_);
    set_description("set-remote-description", true, offered_,
                    [line = choice.send_line](Connection& self, const std::string& error, const std::string&) {
                        if (!error.empty()) return self.fail(Trouble::failed, "its offer does not work here: " + error);
                        try {
                            self.make_transceivers(line);
                        } catch (const std::exception& trouble) {
                            return self.fail(Trouble::failed, describe(trouble));
                        }
                        self.ask_webrtcbin("create-answer", "answer",
                                           [](Connection& then, const std::string& why, const std::string& sdp) {
                                               then.describe_ourselves(false, why, sdp);
                                           });
                    });
}

void Connection::describe_ourselves(bool offer, const std::string& error, const std::string& sdp) {
    if (!error.empty()) return fail(Trouble::failed, "no connection could be offered: " + error);
    try {
        Description ours = parse_sdp(sdp);
        // 1.22 writes the fingerprint of a certificate that it does not use.
        set_fingerprint(ours, config_.identity->fingerprint());
        if (offer) offered_ = ours;
        gathering_since_ = Clock::now();
        set_description("set-local-description", offer, ours,
                        [](Connection& self, const std::string& why, const std::string&) {
                            if (!why.empty())
                                return self.fail(Trouble::failed, "no connection could be offered: " + why);
                            self.ice_.mark_packets();
                        });
        events_.description(write_sdp(ours));
    } catch (const std::exception& trouble) {
        fail(Trouble::failed, fmt::format("no connection could be offered: {}", describe(trouble)));
    }
}

void Connection::take_answer(Description answer) {
    check_answer(offered_, answer);
    settle_answer(offered_, answer);
    admit_candidates(answer);
    bool goes = false;
    std::optional<Format> comes;
    for (const Media& media : answer.media) {
        if (media.data) continue;
        if (webrtc::receives(media.direction)) goes = true;
        if (webrtc::sends(media.direction)) comes = media.formats.front();
    }
    if (!goes) outgoing_.reset();
    incoming_ = std::move(comes);
    set_description("set-remote-description", false, answer,
                    [](Connection& self, const std::string& error, const std::string&) {
                        if (!error.empty()) self.fail(Trouble::failed, "its answer does not work here: " + error);
                    });
}

/// Whether one more of the other's candidates is taken, however it came.
bool Connection::admit(const std::string& candidate) {
    if (++remote_candidates_ > max_candidates) return false;
    const std::string address = candidate_parts(candidate).address;
    if (is_local_name(address) && !remote_names_.contains(address)) {
        // Each is looked up, by asking everybody in the local network.
        if (remote_names_.size() == max_names) return false;
        remote_names_.insert(address);
    }
    ice_.note_remote(candidate);
    return true;
}

void Connection::admit_candidates(Description& description) {
    for (Media& media : description.media)
        std::erase_if(media.candidates, [this](const std::string& candidate) { return !admit(candidate); });
}

void Connection::add_candidate(int mline, const std::string& candidate) {
    if (!check_candidate(candidate) || candidate.empty() || !admit(candidate)) return;
    g_signal_emit_by_name(webrtcbin_, "add-ice-candidate", static_cast<guint>(mline), candidate.c_str());
}

}  // namespace matriz::webrtc

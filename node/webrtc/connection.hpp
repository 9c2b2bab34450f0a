// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "common/protocol/ice_server.hpp"
#include "node/emitter/listeners.hpp"
#include "node/gst/bus_watch.hpp"
#include "node/gst/pipeline.hpp"
#include "node/identity/identity.hpp"
#include "node/webrtc/ice.hpp"
#include "node/webrtc/mailbox.hpp"
#include "node/webrtc/ping_channel.hpp"
#include "node/webrtc/sdp.hpp"
#include "node/webrtc/streams.hpp"

namespace matriz::webrtc {

struct ConnectionConfig {
    std::string peer;
    std::string fingerprint;                       ///< that its certificate must have
    const identity::Identity* identity = nullptr;  ///< outlives it
    std::string jack_client;
    std::string jack_server;
    int channels = 2;  ///< the least number of JACK ports
    std::chrono::duration<double, std::milli> playout_min{0};
    std::chrono::duration<double, std::milli> playout_max{200};
    std::vector<protocol::IceServer> ice_servers;
    std::string turn_trouble{};  ///< why TURN servers are left out of these; empty: they are not
    /// Of what is sent in this codec, for the pings; on the connection's thread. May be empty.
    std::function<std::chrono::microseconds(dsp::CodecId)> capture_latency;
};

enum class Trouble {
    failed,    ///< no way through, or it broke
    identity,  ///< the other is not who it should be
};

/// What a connection tells its owner, on its thread. A callback may destroy the connection only by posting it.
struct ConnectionEvents {
    std::function<void(std::string sdp)> description;  ///< our offer or answer
    std::function<void(int mline, std::string candidate)> candidate;
    std::function<void(Trouble trouble, std::string reason)> failed;  ///< once
    std::function<void()> verified;  ///< the certificate is the right one: play() may be called
};

/// One attempt at a connection to one peer, both ways: a pipeline around one webrtcbin, its packets from the shared
/// encoder, its sound into the playout behind JACK. Nothing is sent and nothing is played before the certificate that
/// DTLS used is verified and play() has been called.
///
/// Made, used and destroyed on one thread, which iterates `context`; destroying may take a moment.
class Connection {
  public:
    /// Throws Error when an element is missing.
    Connection(ConnectionConfig config, const log::Logger& log, GMainContext* context, ConnectionEvents events);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    /// The offerer: makes an offer with what goes out and what is wanted in; nothing: not that way.
    void make_offer(std::optional<Outgoing> outgoing, std::optional<Format> incoming);
    /// The offerer: throws protocol::Malformed when `answer` does not fit the offer.
    void take_answer(Description answer);
    /// The answerer: makes the answer to an offer that choose() has been through.
    void take_offer(Description offer, const Choice& choice, std::optional<Outgoing> outgoing);
    void add_candidate(int mline, const std::string& candidate);

    /// Sound both ways, once verified.
    void play();

    bool verified() const noexcept { return verified_; }
    /// Of the certificate that the other used; empty before.
    const std::string& peer_fingerprint() const noexcept { return peer_fingerprint_; }
    bool hears() const noexcept { return incoming_.has_value(); }
    bool sends() const noexcept { return outgoing_.has_value(); }
    /// As the configuration names it; empty when nothing is sent.
    std::string_view sending_codec() const { return outgoing_ ? dsp::name(outgoing_->stream.format.codec) : ""; }
    bool sends_red() const noexcept { return outgoing_ && outgoing_->red != nullptr; }
    /// Why that is not the configured one; empty when it is.
    std::string sending_reason() const { return outgoing_ ? outgoing_->reason : std::string(); }
    /// Packets so far, and when the first came (once there are some).
    std::uint64_t packets() const noexcept { return packets_.load(std::memory_order_acquire); }
    std::chrono::steady_clock::time_point first_packet() const noexcept;
    std::string codec() const;
    /// Null before play(), or when nothing is heard.
    GstElement* sink() const noexcept { return sink_; }
    const PingChannel* pings() const noexcept { return pings_ ? &*pings_ : nullptr; }
    std::optional<Path> path() const { return ice_.path(); }
    /// What the other last reported of our packets.
    std::optional<emitter::ReceiverReport> report() const;
    /// Why there is no relay although there are TURN servers; empty: all is well. Nothing while it is not known.
    std::optional<std::string> turn_trouble() const;

    /// For a relay to be allocated; less than the shortest attempt, which is to name it.
    static constexpr std::chrono::seconds turn_limit{3};

  private:
    struct Foreign;
    static constexpr const char* channel_label() noexcept { return "matriz"; }
    using Clock = std::chrono::steady_clock;

    /// What comes of a promise of webrtcbin's: an error's text or empty, and the description, if there is one.
    using Reply = std::function<void(Connection& self, const std::string& error, const std::string& sdp)>;

    void watch_webrtcbin();
    void release_receivers();
    void request_sink(int mline);
    void add_transceiver(const Format& format);
    bool admit(const std::string& candidate);
    void admit_candidates(Description& description);
    void make_transceivers(int send_line);
    GstPromise* promise(const char* field, Reply reply);
    void ask_webrtcbin(const char* signal, const char* field, Reply reply);
    void set_description(const char* signal, bool offer, const Description& description, Reply reply);
    void describe_ourselves(bool offer, const std::string& error, const std::string& sdp);
    void on_state();
    void on_verified();
    void on_candidate(int mline, const std::string& candidate);
    void take_channel(GObject* channel);
    void on_pad(GstPad* pad);
    void on_bus(GstMessage* message) noexcept;
    bool verify();
    std::chrono::microseconds capture_latency() const;
    void make_playout();
    void link(GstPad* pad);
    glib::Ref<GObject> session() const;
    std::string no_way() const;
    void fail(Trouble trouble, const std::string& reason);

    void allow_packets();

    static GstPadProbeReturn on_packet(GstPad*, GstPadProbeInfo*, gpointer data) noexcept;

    const ConnectionConfig config_;
    const log::Logger& log_;
    GMainContext* const context_;
    const ConnectionEvents events_;
    std::atomic<std::uint64_t> packets_{0};
    std::atomic<std::int64_t> first_packet_ns_{0};

    gst::Pipeline pipeline_{"webrtc"};
    GstElement* webrtcbin_ = nullptr;
    GstElement* sink_ = nullptr;
    Ice ice_;
    gst::BusWatch watch_;
    std::optional<PingChannel> pings_;

    Description offered_;  ///< ours, for the answer to be compared with
    std::optional<Outgoing> outgoing_;
    std::optional<Format> incoming_;
    gst::Ref<GstElement> source_;
    std::shared_ptr<emitter::PacketSink> subscribed_;
    std::vector<gst::Ref<GstPad>> pads_;  ///< not linked yet
    std::string peer_fingerprint_;
    std::size_t remote_candidates_ = 0;
    std::set<std::string> remote_names_;  ///< in them
    std::optional<Clock::time_point> gathering_since_;
    bool gathered_ = false;
    bool verified_ = false;
    bool playing_ = false;
    bool failed_ = false;
    std::shared_ptr<Foreign> foreign_;
    Mailbox<Connection> mailbox_;
};

}  // namespace matriz::webrtc

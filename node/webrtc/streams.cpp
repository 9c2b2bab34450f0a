// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/streams.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "node/emitter/red_sink.hpp"
#include "node/negotiation/query.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::webrtc {
namespace {

using negotiation::number_or_zero;
using negotiation::take;

// What the encoders and the RED sink write.
constexpr int plain_payload_type = 96;
constexpr int red_payload_type = 100;

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

std::optional<negotiation::Ask> ask_in(const std::optional<std::string>& query) {
    return query ? negotiation::parse_query(*query) : std::nullopt;
}

bool same_sound(const plugin::RtpStream& a, const plugin::RtpStream& b) {
    const auto& x = a.format;
    const auto& y = b.format;
    const bool same = x.codec == y.codec && x.rate == y.rate && x.channels == y.channels;
    return same && (x.codec != dsp::CodecId::opus_custom || x.frame == y.frame);
}

/// Lets only packets of the right kind through.
class OutgoingSink : public emitter::PacketSink {
  public:
    OutgoingSink(std::shared_ptr<emitter::PacketSink> next, const plugin::RtpStream& stream)
        : next_(std::move(next)), stream_(stream) {}

    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        if (caps != caps_.get()) take_caps(caps);
        if (good_) next_->push(caps, packet);
    }

  private:
    void take_caps(GstCaps* caps) noexcept {
        caps_ = gst::Ref<GstCaps>::share(caps);
        try {
            const auto stream = plugin::stream_from_caps(caps, dsp::CodecId::opus);
            good_ = same_sound(stream, stream_) && stream.payload_type == plain_payload_type;
        } catch (const std::exception&) {
            good_ = false;
        }
    }

    std::shared_ptr<emitter::PacketSink> next_;
    plugin::RtpStream stream_;
    gst::Ref<GstCaps> caps_;
    bool good_ = false;
};

/// Gives packets another payload type.
class RetypingSink : public emitter::PacketSink {
  public:
    RetypingSink(std::shared_ptr<emitter::PacketSink> next, int payload_type)
        : next_(std::move(next)), payload_type_(payload_type) {}

    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        if (caps != from_.get()) {
            from_ = gst::Ref<GstCaps>::share(caps);
            to_ = gst::Ref<GstCaps>::adopt(gst_caps_copy(caps));
            gst_caps_set_simple(to_.get(), "payload", G_TYPE_INT, payload_type_, nullptr);
        }
        const auto copy = gst::Ref<GstBuffer>::adopt(gst_buffer_copy_deep(packet));
        guint8 second = 0;
        if (!copy || gst_buffer_extract(copy.get(), 1, &second, 1) != 1) return;
        second = static_cast<guint8>((second & 0x80) | payload_type_);
        gst_buffer_fill(copy.get(), 1, &second, 1);
        next_->push(to_.get(), copy.get());
    }

  private:
    std::shared_ptr<emitter::PacketSink> next_;
    int payload_type_;
    gst::Ref<GstCaps> from_;
    gst::Ref<GstCaps> to_;
};

bool same_letters(const std::string& a, const std::string& b) { return upper(a) == upper(b); }

/// Whether `offered` is what `wanted` says, whatever its payload type.
bool fits(const Format& offered, const Format& wanted, const plugin::RtpStream& stream) {
    if (!same_letters(offered.encoding, wanted.encoding) || offered.rate != wanted.rate ||
        offered.channels != wanted.channels)
        return false;
    // What other programs offer says less; standard Opus needs no more.
    if (stream.red_payload_type < 0 && stream.format.codec == dsp::CodecId::opus && stream.format.channels <= 2)
        return true;
    const auto meant = stream_of(offered);
    return meant && same_sound(*meant, stream) && (stream.red_payload_type < 0) == (meant->red_payload_type < 0) &&
           (stream.red_payload_type < 0 || meant->payload_type == stream.payload_type);
}

bool is_playable(const Format& format, const negotiation::Ask& ask) {
    const auto stream = stream_of(format);
    if (!stream || (stream->red_payload_type >= 0 && !ask.red)) return false;
    return stream->format.codec == dsp::CodecId::opus ||
           std::find(ask.codecs.begin(), ask.codecs.end(), stream->format.codec) != ask.codecs.end();
}

Direction direction_of(bool sends, bool receives) {
    if (sends && receives) return Direction::sendrecv;
    if (sends) return Direction::sendonly;
    return receives ? Direction::recvonly : Direction::inactive;
}

}  // namespace

std::optional<Sending> sending_of(const emitter::Offer* offer) {
    if (offer == nullptr) return std::nullopt;
    const auto& main = offer->encodings().front().config;
    const auto timing = offer->timing();
    return Sending{.sender = {.codec = main.codec,
                              .redundancy = offer->fixed_redundancy() != 0,
                              .rate = timing.rate,
                              .period = timing.period},
                   .channels = main.channels};
}

std::string to_query(const std::optional<Sending>& sending) {
    if (!sending) return {};
    const auto& sender = sending->sender;
    return fmt::format("codec={}&channels={}&rate={}&period={}&red={}", dsp::name(sender.codec), sending->channels,
                       sender.rate.hz, sender.period.count, sender.redundancy ? 1 : 0);
}

std::optional<Sending> parse_sending(const std::optional<std::string>& query) {
    Sending sending{.sender = {.codec = dsp::CodecId::opus, .redundancy = false}, .channels = 2};
    if (!query) return sending;
    bool known = false;
    std::string_view rest = *query;
    while (!rest.empty()) {
        std::string_view value = take(rest, '&');
        const std::string_view key = take(value, '=');
        if (key == "codec") {
            const auto codec = dsp::codec_from_name(value);
            if (codec) sending.sender.codec = *codec;
            known = codec.has_value();
        } else if (key == "channels") {
            sending.channels = static_cast<int>(number_or_zero(value, dsp::max_channels));
        } else if (key == "rate") {
            sending.sender.rate.hz = static_cast<std::uint32_t>(number_or_zero(value, 192'000));
        } else if (key == "period") {
            sending.sender.period.count = number_or_zero(value, 8192);
        } else if (key == "red") {
            sending.sender.redundancy = value == "1";
        }
    }
    const bool complete =
        known && sending.channels > 0 && (sending.sender.codec == dsp::CodecId::opus || sending.sender.rate.hz >= 8000);
    return complete ? std::optional(sending) : std::nullopt;
}

bool wants_sound(const std::optional<std::string>& query) {
    const auto ask = ask_in(query);
    return !ask || !ask->codecs.empty();
}

plugin::RtpStream stream_for(const std::optional<negotiation::Ask>& ask, const Sending& sending) {
    const auto variant = negotiation::choose(ask, sending.sender);
    plugin::RtpStream stream{.payload_type = plain_payload_type};
    stream.format.codec = variant.codec;
    stream.format.channels = sending.channels;
    if (variant.codec == dsp::CodecId::opus)
        stream.format.rate = {48000};
    else
        stream.format.rate = sending.sender.rate;
    if (variant.codec == dsp::CodecId::opus_custom) stream.format.frame = sending.sender.period;
    if (variant.red) stream.red_payload_type = red_payload_type;
    return stream;
}

Format format_of(const plugin::RtpStream& stream) {
    const auto fields = gst::own(gst_structure_new_empty("application/x-rtp"));
    plugin::set_stream_fields(fields.get(), stream);
    Format format{
        .payload_type = stream.red_payload_type >= 0 ? stream.red_payload_type : stream.payload_type,
        .encoding = plugin::encoding_name(stream),
        .rate = static_cast<int>(stream.format.rate.hz),
    };
    if (const char* channels = gst_structure_get_string(fields.get(), "encoding-params"))
        format.channels = static_cast<int>(number_or_zero(channels, dsp::max_channels));
    constexpr std::array parameters{"sprop-stereo",    "sprop-maxcapturerate",
                                    "num_streams",     "coupled_streams",
                                    "channel_mapping", "frame",
                                    "red-codec",       "red-pt"};
    for (const char* key : parameters) {
        const char* value = gst_structure_get_string(fields.get(), key);
        if (value != nullptr) format.fmtp += fmt::format("{}{}={}", format.fmtp.empty() ? "" : ";", key, value);
    }
    // RFC 7587: who can send in stereo does so when asked to.
    if (stream.format.codec == dsp::CodecId::opus && stream.format.channels == 2) format.fmtp += ";stereo=1";
    return format;
}

std::optional<plugin::RtpStream> stream_of(const Format& format) {
    try {
        return plugin::stream_from_caps(caps_of(format, std::nullopt).get(), dsp::CodecId::opus);
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

std::string name_of(const Format& format) {
    const auto stream = stream_of(format);
    return stream ? std::string(dsp::name(stream->format.codec)) : format.encoding;
}

gst::Ref<GstCaps> caps_of(const Format& format, std::optional<std::uint32_t> ssrc) {
    auto caps = gst::Ref<GstCaps>::adopt(gst_caps_new_simple(
        "application/x-rtp", "media", G_TYPE_STRING, "audio", "payload", G_TYPE_INT, format.payload_type, "clock-rate",
        G_TYPE_INT, format.rate, "encoding-name", G_TYPE_STRING, upper(format.encoding).c_str(), nullptr));
    if (format.channels != 1)
        gst_caps_set_simple(caps.get(), "encoding-params", G_TYPE_STRING, std::to_string(format.channels).c_str(),
                            nullptr);
    std::string_view rest = format.fmtp;
    while (!rest.empty()) {
        std::string_view value = take(rest, ';');
        const std::string key(take(value, '='));
        gst_caps_set_simple(caps.get(), key.c_str(), G_TYPE_STRING, std::string(value).c_str(), nullptr);
    }
    if (ssrc) gst_caps_set_simple(caps.get(), "ssrc", G_TYPE_UINT, *ssrc, nullptr);
    return caps;
}

std::optional<Outgoing> outgoing_for(emitter::Offer* offer, const std::optional<std::string>& ask) {
    const auto sending = sending_of(offer);
    if (!sending || !wants_sound(ask)) return std::nullopt;
    const auto asked = ask_in(ask);
    const auto variant = negotiation::choose(asked, sending->sender);
    Outgoing outgoing{.packets = offer->packets(variant), .stream = stream_for(asked, *sending)};
    if (!outgoing.packets) return std::nullopt;
    // The sinks share it; whoever has the offer sees to it that it outlives them.
    if (variant.red) outgoing.red = std::shared_ptr<emitter::Offer>(std::shared_ptr<void>(), offer);
    outgoing.format = format_of(outgoing.stream);
    outgoing.reason = variant.reason;
    return outgoing;
}

Choice choose(Description& offer, const std::optional<plugin::RtpStream>& ours,
              const std::optional<negotiation::Ask>& ask) {
    Choice choice;
    const std::optional<Format> wanted = ours ? std::optional(format_of(*ours)) : std::nullopt;
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        Media& media = offer.media[i];
        if (media.data || media.rejected) continue;
        const Format* send = nullptr;
        const Format* hear = nullptr;
        if (wanted && choice.send_line < 0 && receives(media.direction))
            for (const Format& format : media.formats)
                if (send == nullptr && fits(format, *wanted, *ours)) send = &format;
        if (ask && choice.hear_line < 0 && sends(media.direction))
            for (const Format& format : media.formats)
                // Both ways of one m-line have one payload type here.
                if (hear == nullptr && is_playable(format, *ask) && (send == nullptr || send == &format))
                    hear = &format;
        if (send != nullptr) {
            choice.send_line = static_cast<int>(i);
            choice.send = *send;
        }
        if (hear != nullptr) {
            choice.hear_line = static_cast<int>(i);
            choice.hear = *hear;
        }
        media.direction = direction_of(hear != nullptr, send != nullptr);
        const Format* used = send != nullptr ? send : hear;
        media.formats = {used != nullptr ? Format(*used) : Format(media.formats.front())};
    }
    return choice;
}

std::shared_ptr<emitter::PacketSink> make_outgoing_sink(std::shared_ptr<emitter::PacketSink> next,
                                                        const Outgoing& outgoing) {
    const auto& stream = outgoing.stream;
    const int own = stream.red_payload_type >= 0 ? stream.red_payload_type : stream.payload_type;
    if (outgoing.format.payload_type != own)
        next = std::make_shared<RetypingSink>(std::move(next), outgoing.format.payload_type);
    if (outgoing.red) next = emitter::make_red_sink(std::move(next), outgoing.red);
    return std::make_shared<OutgoingSink>(std::move(next), stream);
}

std::chrono::microseconds capture_latency(const emitter::Offer& offer, dsp::CodecId codec) {
    const auto timing = offer.timing();
    if (timing.rate.hz == 0) return std::chrono::microseconds{0};
    const std::chrono::microseconds period{timing.period.count * 1'000'000 / static_cast<std::int64_t>(timing.rate.hz)};
    if (codec == dsp::CodecId::opus_custom) return period;  // its overlap is at most a frame, which is a period
    if (codec != dsp::CodecId::opus) return std::chrono::microseconds{0};
    constexpr std::chrono::microseconds look_ahead{2500};  // restricted-lowdelay
    const auto& all = offer.encodings();
    const auto used =
        std::find_if(all.begin(), all.end(), [&](const auto& encoding) { return encoding.config.codec == codec; });
    return used != all.end() ? used->config.frame + look_ahead - period : std::chrono::microseconds{0};
}

}  // namespace matriz::webrtc

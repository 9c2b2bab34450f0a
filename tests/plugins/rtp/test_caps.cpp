// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/sdp/gstsdpmessage.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/error.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::plugin {
namespace {

using CapsPtr = std::unique_ptr<GstCaps, decltype(&gst_caps_unref)>;

CapsPtr caps_of(const char* text) { return {gst_caps_from_string(text), gst_caps_unref}; }
dsp::StreamFormat format_of(const char* text) {
    return stream_from_caps(caps_of(text).get(), dsp::CodecId::opus).format;
}

/// The stream as caps, as SDP, as text, and all the way back.
RtpStream through_sdp(const RtpStream& stream, std::string& text) {
    const int payload = stream.red_payload_type >= 0 ? stream.red_payload_type : stream.payload_type;
    GstStructure* fields = gst_structure_new("application/x-rtp", "media", G_TYPE_STRING, "audio", "payload",
                                             G_TYPE_INT, payload, nullptr);
    set_stream_fields(fields, stream);
    const CapsPtr sent(gst_caps_new_full(fields, nullptr), gst_caps_unref);
    GstSDPMedia* media = nullptr;
    gst_sdp_media_new(&media);
    gst_sdp_media_set_media_from_caps(sent.get(), media);
    gchar* printed = gst_sdp_media_as_text(media);
    text = printed;
    g_free(printed);
    const CapsPtr got(gst_sdp_media_get_caps_from_media(media, payload), gst_caps_unref);
    gst_sdp_media_free(media);
    return stream_from_caps(got.get(), dsp::CodecId::opus);
}

TEST(RtpCaps, EveryCodecComesBackFromSdp) {
    using dsp::CodecId;
    for (const CodecId codec : {CodecId::opus, CodecId::opus_custom, CodecId::pcm16, CodecId::pcm24, CodecId::float32})
        for (const int channels : {1, 2, 3, 8})
            for (const int red : {-1, 100}) {
                RtpStream stream;
                stream.format = {.codec = codec, .rate = {48000}, .channels = channels};
                if (codec == CodecId::opus && channels > 2) stream.format.layout = dsp::opus_pairs(channels);
                if (codec == CodecId::opus_custom) stream.format.frame = {128};
                if (codec == CodecId::opus && channels > 2 && red >= 0) continue;  // below
                stream.payload_type = 97;
                stream.red_payload_type = red;
                std::string sdp;
                const RtpStream back = through_sdp(stream, sdp);
                EXPECT_EQ(back.format, stream.format) << sdp;
                EXPECT_EQ(back.payload_type, 97) << sdp;
                EXPECT_EQ(back.red_payload_type, red) << sdp;
            }
}

TEST(RtpCaps, SayWhatTheRfcsAsk) {
    std::string sdp;
    through_sdp({.format = {.codec = dsp::CodecId::opus, .channels = 1}, .payload_type = 96}, sdp);
    EXPECT_NE(sdp.find("a=rtpmap:96 OPUS/48000/2"), std::string::npos) << sdp;
    EXPECT_NE(sdp.find("sprop-stereo=0"), std::string::npos) << sdp;
    through_sdp({.format = {.codec = dsp::CodecId::pcm24, .rate = {96000}, .channels = 5}, .payload_type = 98}, sdp);
    EXPECT_NE(sdp.find("a=rtpmap:98 L24/96000/5"), std::string::npos) << sdp;
}

TEST(RtpCaps, ReadWhatOthersSay) {
    const auto opus = format_of("application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=96");
    EXPECT_EQ(opus.codec, dsp::CodecId::opus);
    EXPECT_EQ(opus.channels, 1);
    const auto stereo = format_of(
        "application/x-rtp,clock-rate=48000,encoding-name=opus,encoding-params=(string)2,sprop-stereo=(string)1");
    EXPECT_EQ(stereo.channels, 2);
    const auto surround = format_of(
        "application/x-rtp,clock-rate=48000,encoding-name=MULTIOPUS,encoding-params=(string)6,num_streams=(string)4,"
        "coupled_streams=(string)2,channel_mapping=(string)\"0\\,4\\,1\\,2\\,3\\,5\"");
    EXPECT_EQ(surround.layout, (dsp::OpusLayout{.streams = 4, .coupled = 2, .mapping = {0, 4, 1, 2, 3, 5}}));
    const auto l16 = format_of("application/x-rtp,clock-rate=44100,encoding-name=L16,channels=2");
    EXPECT_EQ(l16, (dsp::StreamFormat{.codec = dsp::CodecId::pcm16, .rate = {44100}, .channels = 2}));
}

std::string complaint_about(const char* text) {
    try {
        stream_from_caps(caps_of(text).get(), dsp::CodecId::opus);
    } catch (const Error& error) {
        return error.what();
    }
    return "none";
}

TEST(RtpCaps, SayWhatIsWrong) {
    EXPECT_EQ(complaint_about("application/x-rtp,clock-rate=8000,encoding-name=PCMU").find("RTP encoding \"PCMU\""),
              0U);
    EXPECT_NE(complaint_about("application/x-rtp,encoding-name=L16").find("clock rate"), std::string::npos);
    EXPECT_NE(
        complaint_about("application/x-rtp,clock-rate=48000,encoding-name=L16,encoding-params=(string)99").find("99"),
        std::string::npos);
    EXPECT_NE(
        complaint_about("application/x-rtp,clock-rate=48000,encoding-name=L16,encoding-params=(string)two").find("two"),
        std::string::npos);
    EXPECT_NE(
        complaint_about("application/x-rtp,clock-rate=48000,encoding-name=X-MATRIZ-OPUS-CUSTOM").find("opus-custom"),
        std::string::npos);
    EXPECT_NE(complaint_about("application/x-rtp,clock-rate=48000,encoding-name=RED,red-codec=mp3").find("mp3"),
              std::string::npos);
    EXPECT_NE(complaint_about("application/x-rtp,clock-rate=48000,encoding-name=MULTIOPUS,encoding-params=(string)4,"
                              "num_streams=(string)1,coupled_streams=(string)2,channel_mapping=(string)0")
                  .find("channel_mapping"),
              std::string::npos);
    EXPECT_NE(complaint_about("application/x-rtp,clock-rate=48000,encoding-name=MULTIOPUS,encoding-params=(string)3,"
                              "num_streams=(string)255,coupled_streams=(string)0,channel_mapping=(string)\"0\\,1\\,2\"")
                  .find("255 streams"),
              std::string::npos);
}

}  // namespace
}  // namespace matriz::plugin

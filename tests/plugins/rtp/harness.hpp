// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::plugin::test {

struct Packet {
    std::vector<std::uint8_t> bytes;
    dsp::RtpPacket rtp;
    GstClockTime pts;

    explicit Packet(GstBuffer* buffer) : bytes(gst_buffer_get_size(buffer)), pts(GST_BUFFER_PTS(buffer)) {
        gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
        gst_buffer_unref(buffer);
        const auto parsed = dsp::parse_rtp(bytes);
        EXPECT_TRUE(parsed);
        if (parsed) rtp = *parsed;
    }
    Packet(const Packet&) = delete;
    Packet(Packet&&) = default;
};

/// A description of elements under test, and a sine to feed it with.
class Harness {
  public:
    Harness(const std::string& elements, int rate, int channels)
        : harness_(gst_harness_new_parse(elements.c_str())), rate_(rate), channels_(channels) {
        const std::string caps = "audio/x-raw,format=F32LE,layout=interleaved,rate=" + std::to_string(rate) +
                                 ",channels=" + std::to_string(channels) +
                                 (channels > 2 ? ",channel-mask=(bitmask)0" : "");
        gst_harness_set_src_caps_str(harness_, caps.c_str());
    }
    Harness(const Harness&) = delete;
    Harness& operator=(const Harness&) = delete;
    ~Harness() { gst_harness_teardown(harness_); }

    GstHarness* get() { return harness_; }

    /// The next `frames` of the sine.
    GstFlowReturn push(int frames) {
        const auto samples = static_cast<std::size_t>(frames * channels_);
        GstBuffer* buffer = gst_buffer_new_allocate(nullptr, samples * sizeof(float), nullptr);
        std::vector<float> sine(samples);
        for (std::size_t i = 0; i < samples; ++i) {
            const auto at =
                static_cast<double>(position_) + static_cast<double>(i / static_cast<std::size_t>(channels_));
            sine[i] = static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * 440 * at / rate_));
        }
        gst_buffer_fill(buffer, 0, sine.data(), samples * sizeof(float));
        GST_BUFFER_PTS(buffer) = gst_util_uint64_scale_int(position_, GST_SECOND, rate_);
        if (with_offsets_) GST_BUFFER_OFFSET(buffer) = position_;
        if (discont_) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
        discont_ = false;
        position_ += static_cast<std::uint64_t>(frames);
        return gst_harness_push(harness_, buffer);
    }
    void skip(int frames, bool flagged = true) {
        position_ += static_cast<std::uint64_t>(frames);
        discont_ = flagged;
    }
    void without_offsets() { with_offsets_ = false; }

    std::vector<Packet> packets() {
        std::vector<Packet> result;
        while (GstBuffer* buffer = gst_harness_try_pull(harness_)) result.emplace_back(buffer);
        return result;
    }
    RtpStream stream() {
        const std::unique_ptr<GstCaps, decltype(&gst_caps_unref)> caps(gst_pad_get_current_caps(harness_->sinkpad),
                                                                       gst_caps_unref);
        return stream_from_caps(caps.get(), dsp::CodecId::opus);
    }

  private:
    GstHarness* harness_;
    int rate_;
    int channels_;
    std::uint64_t position_ = 0;
    bool discont_ = true;
    bool with_offsets_ = true;
};

}  // namespace matriz::plugin::test

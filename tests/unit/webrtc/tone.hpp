// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/app/gstappsink.h>

#include <atomic>
#include <optional>
#include <utility>

#include "node/emitter/encoder.hpp"
#include "node/emitter/offer.hpp"
#include "node/gst/pipeline.hpp"

namespace matriz::webrtc::test {

/// A tone through the real encoder, to whoever takes the offer.
class Tone {
  public:
    Tone(const emitter::StreamConfig& config, double volume) : offer(config, std::nullopt) {
        const emitter::JackTiming timing{.rate = SampleRate{48000}, .period = Frames{64}};
        offer.set_timing(timing);
        GstElement* source = pipeline_.add("audiotestsrc");
        g_object_set(source, "is-live", TRUE, "volume", volume, "samplesperbuffer", 64, nullptr);
        GstElement* filter = pipeline_.add("capsfilter");
        gst::set_from_text(filter, "caps", "audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved");
        GstElement* encoder = pipeline_.add(emitter::make_encoder(config, timing));
        GstElement* sink = pipeline_.add("appsink");
        g_object_set(sink, "sync", FALSE, "emit-signals", TRUE, nullptr);
        g_signal_connect(sink, "new-sample", G_CALLBACK(on_sample), this);
        gst::Pipeline::link({source, filter, encoder, sink});
        pipeline_.play();
    }

    emitter::Offer offer;
    std::atomic<int> copies{1};  ///< of each packet; more than one are a flood, none a capture that stands still

  private:
    static GstFlowReturn on_sample(GstElement* sink, gpointer data) noexcept {
        auto sample = gst::Ref<GstSample>::adopt(gst_app_sink_pull_sample(GST_APP_SINK(sink)));
        if (sample) static_cast<Tone*>(data)->deliver(std::move(sample));
        return GST_FLOW_OK;
    }
    void deliver(gst::Ref<GstSample> sample) {
        if (copies == 0) return;
        for (int left = copies - 1; left > 0; --left) {
            offer.main().deliver(numbered(sample.get()));
            ++more_;
        }
        offer.main().deliver(more_ > 0 ? numbered(sample.get()) : std::move(sample));
    }
    /// A copy with a number of its own.
    gst::Ref<GstSample> numbered(GstSample* sample) const {
        const auto packet = gst::Ref<GstBuffer>::adopt(gst_buffer_copy_deep(gst_sample_get_buffer(sample)));
        guint8 number[2];
        gst_buffer_extract(packet.get(), 2, number, 2);
        GST_WRITE_UINT16_BE(number, static_cast<guint16>(GST_READ_UINT16_BE(number) + more_));
        gst_buffer_fill(packet.get(), 2, number, 2);
        return gst::Ref<GstSample>::adopt(gst_sample_new(packet.get(), gst_sample_get_caps(sample), nullptr, nullptr));
    }
    unsigned more_ = 0;  ///< packets than the encoder made
    gst::Pipeline pipeline_{"tone"};
};

}  // namespace matriz::webrtc::test

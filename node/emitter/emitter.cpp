// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/emitter.hpp"

#include "common/base/error.hpp"
#include "node/gst/init.hpp"

namespace matriz::emitter {
namespace {

/// What would otherwise only come up on the capture thread.
const EmitterConfig& checked(const EmitterConfig& config) {
    gst::initialise();
    if (config.stream.channels < 1 || config.stream.channels > static_cast<int>(max_channels))
        throw Error("channels: {} are too many or too few; 1 to {} can be sent", config.stream.channels, max_channels);
    return config;
}

}  // namespace

Emitter::Emitter(const EmitterConfig& config)
    : offer_(std::make_shared<Offer>(checked(config).stream, config.redundancy)),
      recorder_(config.record.enabled ? std::optional<Recorder>(std::in_place, config.record) : std::nullopt),
      server_(config, offer_),
      capture_(config, *offer_, meter_, recorder_ ? &*recorder_ : nullptr, [this, told = config.on_new_offer] {
          server_.renew();
          if (told) told();
      }) {}

Emitter::~Emitter() {
    close_recording();
    server_.close();
}

void Emitter::close_recording() {
    if (recorder_) recorder_->close();
}

EmitterStatus Emitter::status() const {
    CaptureStatus capture = capture_.status();
    const StreamRate rate = stream_rate(offer_->encodings().front().config, capture.timing);
    return {.capture = std::move(capture),
            .rate = rate,
            .levels = meter_.levels(),
            .packets = offer_->main().packets(),
            .bytes = offer_->main().bytes(),
            .rtsp_port = server_.port(),
            .listeners = server_.listeners(),
            .refused = server_.refused(),
            .recording = recorder_ ? std::optional(recorder_->status()) : std::nullopt};
}

}  // namespace matriz::emitter

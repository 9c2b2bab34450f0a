// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/rtp_payer.hpp"

#include <cstdlib>

#include "common/base/error.hpp"

namespace matriz::plugin {

namespace {

constexpr int shortest_opus_frame = 120;

GstClockTime to_time(std::int64_t frames, SampleRate rate) noexcept {
    return static_cast<GstClockTime>(duration(Frames{frames}, rate).count());
}

}  // namespace

void RtpPayer::configure(const PaySettings& settings) {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
}

PaySettings RtpPayer::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void RtpPayer::set_input(SampleRate rate, int channels) {
    if (rate == rate_ && channels == channels_) return;
    rate_ = rate;
    channels_ = channels;
    stop();
}

RtpStream RtpPayer::start(std::int64_t frames_of_first_buffer, int payload_type) {
    const PaySettings settings = this->settings();
    RtpStream stream;
    stream.format = {.codec = settings.codec, .rate = rate_, .channels = channels_};
    if (settings.frame > 0)
        stream.format.frame = {settings.frame};
    else
        stream.format.frame = {settings.codec == dsp::CodecId::opus ? shortest_opus_frame : frames_of_first_buffer};

    auto encoder = dsp::make_encoder({.format = stream.format,
                                      .bitrate = settings.bitrate,
                                      .complexity = settings.complexity,
                                      .expected_loss = settings.expected_loss});
    stream.format.frame = {encoder->frame()};
    stream.payload_type = payload_type;
    std::optional<std::uint8_t> block_type;
    if (settings.red || settings.redundancy.depth > 0) {
        stream.payload_type = settings.red_block_type;
        stream.red_payload_type = payload_type;
        block_type = static_cast<std::uint8_t>(settings.red_block_type);
    }
    packetizer_.emplace(std::move(encoder), channels_, block_type);
    applied_ = settings;
    latency_ = to_time(stream.format.frame.count, rate_);
    running_ = false;
    return stream;
}

/// How many frames were lost between the last buffer and this one. Sample offsets say it exactly; times wobble with the
/// clock they were taken from, so that only a large or an announced difference is believed.
std::int64_t RtpPayer::missing_before(GstClockTime pts, std::uint64_t offset, bool discont) const noexcept {
    const std::int64_t longest = 10 * static_cast<std::int64_t>(rate_.hz);  // more is a new start
    const auto plausible = [longest](std::int64_t frames) { return frames > 0 && frames < longest ? frames : 0; };
    if (!running_) return 0;
    if (offset != GST_BUFFER_OFFSET_NONE && next_offset_ != GST_BUFFER_OFFSET_NONE)
        return plausible(static_cast<std::int64_t>(offset - next_offset_));
    if (!GST_CLOCK_TIME_IS_VALID(pts) || !GST_CLOCK_TIME_IS_VALID(next_pts_)) return 0;
    const GstClockTimeDiff late = GST_CLOCK_DIFF(next_pts_, pts);
    const GstClockTimeDiff tolerated = discont ? GST_MSECOND : 40 * GST_MSECOND;
    if (std::abs(late) < tolerated) return 0;
    return plausible(late / 1000 * static_cast<std::int64_t>(rate_.hz) / 1'000'000);
}

bool RtpPayer::push(std::span<const float> samples, GstClockTime pts, std::uint64_t offset, bool discont,
                    const Each& each) {
    const PaySettings settings = this->settings();
    if (settings.bitrate != applied_.bitrate && settings.bitrate > 0)
        packetizer_->encoder().set_bitrate(settings.bitrate);
    if (settings.expected_loss != applied_.expected_loss)
        packetizer_->encoder().set_expected_loss(settings.expected_loss);
    applied_ = settings;

    const std::int64_t missing = missing_before(pts, offset, discont);
    if (missing > 0) packetizer_->skip(missing);

    const auto frames = static_cast<std::int64_t>(samples.size()) / channels_;
    samples = samples.first(static_cast<std::size_t>(frames * channels_));
    const GstClockTime waited = to_time(packetizer_->pending(), rate_);
    std::int64_t sent = 0;
    const bool well = packetizer_->push(samples, settings.redundancy, [&](const dsp::Payload& payload) {
        const GstClockTime begin = pts + to_time(sent, rate_);
        sent += payload.frames;
        return each({.bytes = payload.bytes,
                     .position = payload.position,
                     .pts = GST_CLOCK_TIME_IS_VALID(pts) && begin >= waited ? begin - waited : pts,
                     .duration = to_time(payload.frames, rate_),
                     .marker = payload.after_gap});
    });
    running_ = true;
    next_pts_ = GST_CLOCK_TIME_IS_VALID(pts) ? pts + to_time(frames, rate_) : GST_CLOCK_TIME_NONE;
    next_offset_ =
        offset != GST_BUFFER_OFFSET_NONE ? offset + static_cast<std::uint64_t>(frames) : GST_BUFFER_OFFSET_NONE;
    return well;
}

void RtpPayer::flush() noexcept {
    if (packetizer_) packetizer_->skip(0);
    running_ = false;
}

}  // namespace matriz::plugin

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/clock_player.hpp"

#include <algorithm>
#include <array>

namespace matriz::plugin {

ClockPlayer::Settings ClockPlayer::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void ClockPlayer::configure(const Settings& settings) {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
    if (playout_) playout_->set_delay_bounds(settings.min_delay, settings.max_delay);
}

void ClockPlayer::set_stream(const RtpStream& stream) {
    const std::lock_guard lock(mutex_);
    dsp::PlayoutConfig config;
    config.output_rate =
        settings_.rate > 0 ? SampleRate{static_cast<std::uint32_t>(settings_.rate)} : stream.format.rate;
    config.output_channels = settings_.channels;
    config.min_delay = settings_.min_delay;
    config.max_delay = settings_.max_delay;
    config.payload_type = stream.payload_type;
    config.red_payload_type = stream.red_payload_type >= 0 ? stream.red_payload_type : settings_.red_payload_type;
    if (playout_ && playout_->format() == stream.format && playout_->config().payload_type == config.payload_type &&
        playout_->config().red_payload_type == config.red_payload_type)
        return;
    playout_ = std::make_unique<dsp::Playout>(stream.format, config);
    first_.reset();
    changed_.notify_all();
}

void ClockPlayer::start(GstClock* clock, GstClockTime base_time) {
    const std::lock_guard lock(mutex_);
    clock_ = glib::Ref<GstClock>::share(clock);
    base_time_ = base_time;
    first_.reset();
    changed_.notify_all();
}

void ClockPlayer::pause() {
    const std::lock_guard lock(mutex_);
    clock_.reset();
    if (waiting_) gst_clock_id_unschedule(waiting_);
    changed_.notify_all();
}

void ClockPlayer::stop() {
    pause();
    const std::lock_guard lock(mutex_);
    playout_.reset();
}

void ClockPlayer::push(std::span<const std::uint8_t> packet) noexcept {
    const std::lock_guard lock(mutex_);
    if (!playout_ || !clock_) return;
    playout_->push(packet, std::chrono::nanoseconds(gst_clock_get_time(clock_.get())));
}

dsp::PlayoutMetrics ClockPlayer::metrics() const {
    const std::lock_guard lock(mutex_);
    return playout_ ? playout_->metrics() : dsp::PlayoutMetrics{};
}

/// Returns false when paused. With `lock` held before and after.
bool ClockPlayer::wait_for_period(std::unique_lock<std::mutex>& lock) {
    if (!clock_ || !playout_) changed_.wait_for(lock, std::chrono::milliseconds(100));
    if (!clock_ || !playout_) return false;
    const auto rate = static_cast<guint64>(playout_->config().output_rate.hz);
    if (!first_) {
        first_ = gst_clock_get_time(clock_.get()) - base_time_;
        frames_made_ = 0;
        discontinuous_ = true;
    }
    const GstClockTime due = base_time_ + *first_ + gst_util_uint64_scale(frames_made_, GST_SECOND, rate);
    GstClockID id = gst_clock_new_single_shot_id(clock_.get(), due);
    waiting_ = id;
    lock.unlock();
    const GstClockReturn result = gst_clock_id_wait(id, nullptr);
    lock.lock();
    waiting_ = nullptr;
    gst_clock_id_unref(id);
    return result != GST_CLOCK_UNSCHEDULED && clock_ && playout_ && first_;
}

std::optional<ClockPlayer::Period> ClockPlayer::next() {
    std::unique_lock lock(mutex_);
    if (!wait_for_period(lock)) return std::nullopt;
    return make_period();
}

/// With mutex_ held.
ClockPlayer::Period ClockPlayer::make_period() {
    const auto& config = playout_->config();
    const auto rate = static_cast<guint64>(config.output_rate.hz);
    const auto channels = static_cast<std::size_t>(config.output_channels);
    const auto frames = std::max<std::size_t>(
        1, static_cast<std::size_t>(config.output_rate.hz * static_cast<double>(settings_.period.count()) * 1e-6));
    const GstClockTime begin = *first_ + gst_util_uint64_scale(frames_made_, GST_SECOND, rate);
    frames_made_ += frames;
    const GstClockTime end = *first_ + gst_util_uint64_scale(frames_made_, GST_SECOND, rate);

    planes_.resize(frames * channels);
    std::array<float*, dsp::max_channels> planes{};
    for (std::size_t c = 0; c < channels; ++c) planes[c] = planes_.data() + c * frames;
    playout_->render(planes.data(), static_cast<int>(frames), std::chrono::nanoseconds(base_time_ + begin));

    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, planes_.size() * sizeof(float), nullptr);
    GstMapInfo map;
    if (gst_buffer_map(buffer, &map, GST_MAP_WRITE)) {
        auto* out = reinterpret_cast<float*>(map.data);
        for (std::size_t i = 0; i < frames; ++i)
            for (std::size_t c = 0; c < channels; ++c) *out++ = planes[c][i];
        gst_buffer_unmap(buffer, &map);
    }
    GST_BUFFER_PTS(buffer) = begin;
    GST_BUFFER_DURATION(buffer) = end - begin;
    if (discontinuous_) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    discontinuous_ = false;
    return {buffer, config.output_rate, config.output_channels};
}

}  // namespace matriz::plugin

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/gst/jack_player.hpp"

#include <utility>

#include "common/base/error.hpp"

namespace matriz::plugin {

JackPlayer::Settings JackPlayer::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void JackPlayer::configure(const Settings& settings) {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
    if (playout_) playout_->set_delay_bounds(settings.min_delay, settings.max_delay);
}

std::string JackPlayer::start() {
    const Settings now = settings();
    const std::lock_guard setup(setup_mutex_);
    client_ = jack::Client::shared(now.client_name, now.server_name);
    const std::string trouble = client_->try_open();
    client_->keep_ports(now.port_prefix, now.channels);
    subscription_ = client_->on_change([this, prefix = now.port_prefix](const jack::Status&) {
        const std::lock_guard inner(setup_mutex_);
        try {
            renew();
        } catch (const std::exception& error) {
            log::Logger("playout " + prefix).error("no sound: {}", describe(error));
        }
    });
    return trouble;
}

void JackPlayer::stop() {
    subscription_.end();  // without a mutex: a listener that is running needs it
    const std::lock_guard setup(setup_mutex_);
    replace(nullptr);
    stream_.reset();
    client_.reset();
}

void JackPlayer::set_stream(const RtpStream& stream) {
    const std::lock_guard setup(setup_mutex_);
    if (stream_ && stream_->format == stream.format && stream_->red_payload_type == stream.red_payload_type &&
        stream_->payload_type == stream.payload_type && playout_)
        return;
    stream_ = stream;
    replace(nullptr);
    // JACK may not be there to tell its rate; the decoder shows now whether the format can be played at all.
    dsp::make_decoder(stream.format);
    renew();
}

/// With setup_mutex_ held.
void JackPlayer::renew() {
    if (!client_ || !stream_) return;
    const auto status = client_->status();
    if (status.state != jack::Status::State::open) return;
    if (playout_ && playout_->config().output_rate == status.rate) return;
    replace(nullptr);
    const Settings now = settings();
    dsp::PlayoutConfig config;
    config.output_rate = status.rate;
    config.output_channels = now.channels;
    config.min_delay = now.min_delay;
    config.max_delay = now.max_delay;
    config.payload_type = stream_->payload_type;
    config.red_payload_type = stream_->red_payload_type >= 0 ? stream_->red_payload_type : now.red_payload_type;
    auto playout = std::make_unique<dsp::Playout>(stream_->format, config);
    client_->attach(now.port_prefix, now.channels, *playout);
    replace(std::move(playout));
}

/// With setup_mutex_ held. The one before plays no more.
void JackPlayer::replace(std::unique_ptr<dsp::Playout> playout) {
    {
        const std::lock_guard lock(mutex_);
        playout_.swap(playout);
        if (playout_) playout_->set_delay_bounds(settings_.min_delay, settings_.max_delay);
    }
    if (playout && client_) client_->detach(*playout);
}

void JackPlayer::push(std::span<const std::uint8_t> packet, std::chrono::nanoseconds arrival) noexcept {
    const std::lock_guard lock(mutex_);
    if (playout_) playout_->push(packet, arrival);
}

dsp::PlayoutMetrics JackPlayer::metrics() const {
    const std::lock_guard lock(mutex_);
    return playout_ ? playout_->metrics() : dsp::PlayoutMetrics{};
}

}  // namespace matriz::plugin

// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/rtp/packetizer.hpp"

#include <algorithm>

namespace matriz::dsp {

Packetizer::Packetizer(std::unique_ptr<Encoder> encoder, int channels, std::optional<std::uint8_t> red_block_type)
    : encoder_(std::move(encoder)), channels_(static_cast<std::size_t>(channels)), red_block_type_(red_block_type) {
    pending_.reserve(static_cast<std::size_t>(encoder_->frame()) * channels_);
}

bool Packetizer::push(std::span<const float> samples, Redundancy redundancy,
                      const std::function<bool(const Payload&)>& each) {
    const std::size_t length = static_cast<std::size_t>(encoder_->frame()) * channels_;
    while (!samples.empty()) {
        const float* whole = samples.data();
        std::size_t taken = length;
        if (!pending_.empty() || samples.size() < length) {
            taken = std::min(length - pending_.size(), samples.size());
            pending_.insert(pending_.end(), samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(taken));
            whole = pending_.data();
        }
        samples = samples.subspan(taken);
        if (taken < length && pending_.size() < length) break;
        const bool well = emit(whole, redundancy, each);
        pending_.clear();
        if (!well) return false;
    }
    return true;
}

bool Packetizer::emit(const float* samples, Redundancy redundancy, const std::function<bool(const Payload&)>& each) {
    const std::size_t size = encoder_->encode(samples, encoded_);
    Payload payload{.bytes = std::span(encoded_).first(size),
                    .position = position_,
                    .frames = encoder_->frame(),
                    .after_gap = after_gap_};
    position_ += encoder_->frame();
    if (size == 0) {
        after_gap_ = true;
        return false;
    }
    after_gap_ = false;
    if (red_block_type_) {
        const RtpTime time{static_cast<std::uint32_t>(payload.position)};
        payload.bytes =
            std::span(wrapped_).first(red_.pack(*red_block_type_, time, payload.bytes, redundancy, wrapped_));
    }
    return each(payload);
}

void Packetizer::skip(std::int64_t frames) noexcept {
    position_ += frames + pending();
    pending_.clear();
    after_gap_ = true;
}

}  // namespace matriz::dsp

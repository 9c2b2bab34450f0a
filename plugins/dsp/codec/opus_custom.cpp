// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/codec/opus_custom.hpp"

#include <array>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/bytes.hpp"

namespace matriz::dsp {

namespace {

/// Longest first. Only modes of at most 21 bands, which is what the decoder of libopus 1.3 accepts.
constexpr std::array modes_44100{192, 96, 64, 48};
constexpr std::array modes_48000{960, 480, 240, 192, 120, 96, 64, 48};
constexpr std::array modes_88200{192, 128, 120, 96};
constexpr std::array modes_96000{960, 480, 240, 192, 128, 120, 96};

constexpr std::size_t longest_opus_frame = 1275;

std::span<const int> modes(SampleRate rate) noexcept {
    switch (rate.hz) {
        case 44100:
            return modes_44100;
        case 48000:
            return modes_48000;
        case 88200:
            return modes_88200;
        case 96000:
            return modes_96000;
        default:
            return {};
    }
}

int unit_or_throw(const StreamFormat& format) {
    if (const auto unit = opus_custom_unit(format.rate, format.frame)) return *unit;
    throw Error(
        "opus-custom cannot carry {} frames at {} Hz: it needs 44100 or 48000 Hz with a period of 64 or more, or "
        "88200 or 96000 Hz with 128 or more; use opus or pcm16 instead",
        format.frame.count, format.rate.hz);
}

}  // namespace

std::optional<int> opus_custom_unit(SampleRate rate, Frames period) noexcept {
    constexpr std::int64_t longest_period = 1024;
    if (period.count <= 0 || period.count > longest_period) return std::nullopt;
    for (const int unit : modes(rate))
        if (period.count % unit == 0) return unit;
    return std::nullopt;
}

OpusCustomLayout::OpusCustomLayout(const StreamFormat& format)
    : frame_(static_cast<int>(format.frame.count)), channels_(format.channels), unit_(unit_or_throw(format)) {
    if (channels_ < 1 || channels_ > max_channels)
        throw Error("opus-custom with {} channels: 1 to {} are supported", channels_, max_channels);
    int error = OPUS_OK;
    mode_.reset(opus_custom_mode_create(static_cast<opus_int32>(format.rate.hz), unit_, &error));
    if (!mode_) throw Error("opus-custom mode of {} frames at {} Hz: {}", unit_, format.rate.hz, opus_strerror(error));
}

std::optional<std::span<const std::uint8_t>> OpusCustomLayout::next(std::span<const std::uint8_t>& rest,
                                                                    int left) noexcept {
    std::size_t size = rest.size();
    if (left > 1) {
        if (rest.size() < 2) return std::nullopt;
        size = read_u16(rest.data());
        rest = rest.subspan(2);
    }
    if (size < 2 || size > longest_opus_frame || size > rest.size()) return std::nullopt;
    const auto frame = rest.first(size);
    rest = rest.subspan(size);
    return frame;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "plugins/dsp/rtp/bytes.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::plugin::test {

inline constexpr const char* pcm_caps =
    "application/x-rtp,media=audio,encoding-name=L16,clock-rate=48000,channels=1,payload=97";
inline constexpr guint packet_ssrc = 0x12345678;

/// A packet of L16, mono: a sine of half of full scale.
inline GstBuffer* pcm_packet(std::uint16_t seq, std::uint32_t time, int frames) {
    std::vector<std::uint8_t> bytes(dsp::rtp_header_size + static_cast<std::size_t>(frames) * 2);
    dsp::write_rtp_header({false, 97, {seq}, {time}, packet_ssrc},
                          std::span<std::uint8_t, dsp::rtp_header_size>(bytes.data(), dsp::rtp_header_size));
    for (int i = 0; i < frames; ++i) {
        const double angle = 2 * std::numbers::pi * 500 * (time + static_cast<unsigned>(i)) / 48000;
        dsp::write_u16(bytes.data() + dsp::rtp_header_size + 2 * i,
                       static_cast<std::uint16_t>(std::lround(16383 * std::sin(angle))));
    }
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, bytes.size(), nullptr);
    gst_buffer_fill(buffer, 0, bytes.data(), bytes.size());
    return buffer;
}

}  // namespace matriz::plugin::test

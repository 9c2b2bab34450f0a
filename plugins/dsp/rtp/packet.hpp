// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// No datagram is longer: what passes every path without fragments. RTP leaves room for SRTP's tag and header
/// extensions.
constexpr std::size_t max_datagram_size = 1200;
constexpr std::size_t max_rtp_size = max_datagram_size - 32;
constexpr std::size_t rtp_header_size = 12;  ///< as written here: no CSRC, no extension
constexpr std::size_t max_rtp_payload_size = max_rtp_size - rtp_header_size;

/// The fixed part of the header (RFC 3550, 5.1).
struct RtpHeader {
    bool marker = false;            ///< the first packet of a talkspurt (RFC 3551, 4.1)
    std::uint8_t payload_type = 0;  ///< 0–127
    SeqNo seq{};
    RtpTime time{};
    std::uint32_t ssrc = 0;
    bool operator==(const RtpHeader&) const = default;
};

struct RtpExtension {
    std::uint16_t profile = 0;
    std::span<const std::uint8_t> data;
};

/// A packet taken apart; its spans point into the datagram it was parsed from.
struct RtpPacket {
    RtpHeader header;
    std::span<const std::uint8_t> csrcs;  ///< 4 bytes each, as sent
    std::optional<RtpExtension> extension;
    std::span<const std::uint8_t> payload;  ///< without padding; may be empty
};

/// Nothing when the datagram is no well-formed RTP packet of version 2. RT-safe, any thread.
std::optional<RtpPacket> parse_rtp(std::span<const std::uint8_t> datagram) noexcept;

/// Writes the 12 bytes of the fixed header. RT-safe, any thread.
void write_rtp_header(const RtpHeader& header, std::span<std::uint8_t, rtp_header_size> out) noexcept;

}  // namespace matriz::dsp

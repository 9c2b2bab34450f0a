// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/rtp/packet.hpp"

#include "plugins/dsp/rtp/bytes.hpp"

namespace matriz::dsp {

namespace {

constexpr unsigned rtp_version = 2;

/// Cuts the first `size` bytes off `rest` and returns them; nothing when it is shorter.
std::optional<std::span<const std::uint8_t>> cut(std::span<const std::uint8_t>& rest, std::size_t size) noexcept {
    if (rest.size() < size) return std::nullopt;
    const auto head = rest.first(size);
    rest = rest.subspan(size);
    return head;
}

}  // namespace

std::optional<RtpPacket> parse_rtp(std::span<const std::uint8_t> datagram) noexcept {
    auto rest = datagram;
    const auto fixed = cut(rest, rtp_header_size);
    if (!fixed) return std::nullopt;
    const std::uint8_t* const h = fixed->data();
    if (h[0] >> 6 != rtp_version) return std::nullopt;

    RtpPacket packet;
    packet.header = {.marker = (h[1] & 0x80) != 0,
                     .payload_type = static_cast<std::uint8_t>(h[1] & 0x7F),
                     .seq = {read_u16(h + 2)},
                     .time = {read_u32(h + 4)},
                     .ssrc = read_u32(h + 8)};

    const auto csrcs = cut(rest, std::size_t{4} * (h[0] & 0x0F));
    if (!csrcs) return std::nullopt;
    packet.csrcs = *csrcs;

    if (h[0] & 0x10) {  // RFC 3550, 5.3.1
        const auto head = cut(rest, 4);
        if (!head) return std::nullopt;
        const auto data = cut(rest, std::size_t{4} * read_u16(head->data() + 2));
        if (!data) return std::nullopt;
        packet.extension = RtpExtension{.profile = read_u16(head->data()), .data = *data};
    }
    if (h[0] & 0x20) {  // the last byte counts the padding, itself included
        if (rest.empty() || rest.back() == 0 || rest.back() > rest.size()) return std::nullopt;
        rest = rest.first(rest.size() - rest.back());
    }
    packet.payload = rest;
    return packet;
}

void write_rtp_header(const RtpHeader& header, std::span<std::uint8_t, rtp_header_size> out) noexcept {
    out[0] = rtp_version << 6;
    out[1] = static_cast<std::uint8_t>((header.marker ? 0x80 : 0) | (header.payload_type & 0x7F));
    write_u16(&out[2], header.seq.value);
    write_u32(&out[4], header.time.value);
    write_u32(&out[8], header.ssrc);
}

}  // namespace matriz::dsp

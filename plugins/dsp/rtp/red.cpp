// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/rtp/red.hpp"

#include <algorithm>

#include "plugins/dsp/rtp/bytes.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::dsp {

namespace {

// RFC 2198, 3: F and payload type, 14 bits of timestamp offset, 10 bits of length; the primary's is one byte.
constexpr std::size_t block_header_size = 4;
constexpr std::size_t primary_header_size = 1;
constexpr std::uint32_t max_offset = 0x3FFF;
constexpr std::size_t max_block_size = 0x3FF;

}  // namespace

std::optional<RedBlocks> parse_red(RtpTime time, std::span<const std::uint8_t> payload) noexcept {
    RedBlocks result;
    std::array<std::size_t, RedBlocks::capacity> lengths{};
    std::size_t at = 0;
    for (bool more = true; more;) {
        if (at >= payload.size() || result.size_ == RedBlocks::capacity) return std::nullopt;
        RedBlock& block = result.blocks_[result.size_];
        more = (payload[at] & 0x80) != 0;
        block.payload_type = payload[at] & 0x7F;
        block.time = time;
        if (more) {
            if (payload.size() - at < block_header_size) return std::nullopt;
            const std::uint32_t word = read_u32(&payload[at]);
            block.time.value -= (word >> 10) & max_offset;
            lengths[result.size_] = word & max_block_size;
        }
        at += more ? block_header_size : primary_header_size;
        ++result.size_;
    }
    for (std::size_t i = 0; i + 1 < result.size_; ++i) {
        if (payload.size() - at < lengths[i]) return std::nullopt;
        result.blocks_[i].payload = payload.subspan(at, lengths[i]);
        at += lengths[i];
    }
    result.blocks_[result.size_ - 1].payload = payload.subspan(at);
    return result;
}

RedPacker::RedPacker() {
    for (Stored& stored : ring_) stored.bytes.resize(max_block_size);
}

std::size_t RedPacker::pack(std::uint8_t block_type, RtpTime time, std::span<const std::uint8_t> primary,
                            Redundancy redundancy, std::span<std::uint8_t> out) noexcept {
    std::size_t size = primary_header_size + primary.size();
    if (size > out.size()) return 0;

    const auto depth = static_cast<std::size_t>(std::clamp(redundancy.depth, 0, Redundancy::max_depth));
    const auto distance = static_cast<std::size_t>(std::clamp(redundancy.distance, 1, Redundancy::max_distance));
    std::array<const Stored*, Redundancy::max_depth> blocks{};  // nearest first
    std::size_t count = 0;
    for (std::size_t i = 1; i <= depth && i * distance <= stored_; ++i) {
        const Stored& stored = back(i * distance);
        const std::uint32_t offset = time.value - stored.time.value;
        if (stored.size == 0 || offset == 0 || offset > max_offset) continue;
        if (size + block_header_size + stored.size > out.size()) break;
        size += block_header_size + stored.size;
        blocks[count++] = &stored;
    }

    std::uint8_t* at = out.data();
    for (std::size_t i = count; i-- > 0;) {
        const std::uint32_t offset = time.value - blocks[i]->time.value;
        write_u32(at, (std::uint32_t{0x80U | blocks[i]->type} << 24) | (offset << 10) |
                          static_cast<std::uint32_t>(blocks[i]->size));
        at += block_header_size;
    }
    *at++ = block_type & 0x7F;
    for (std::size_t i = count; i-- > 0;) at = std::copy_n(blocks[i]->bytes.data(), blocks[i]->size, at);
    std::copy(primary.begin(), primary.end(), at);
    remember(block_type, time, primary);
    return size;
}

void RedPacker::remember(std::uint8_t block_type, RtpTime time, std::span<const std::uint8_t> payload) noexcept {
    Stored& stored = ring_[next_];
    stored.type = block_type & 0x7F;
    stored.time = time;
    stored.size = payload.size() <= max_block_size ? payload.size() : 0;
    std::copy_n(payload.begin(), stored.size, stored.bytes.begin());
    next_ = (next_ + 1) % history;
    stored_ = std::min(stored_ + 1, history);
}

std::size_t RedWrapper::wrap(std::span<const std::uint8_t> packet, Redundancy redundancy,
                             std::span<std::uint8_t> out) noexcept {
    const auto parsed = parse_rtp(packet);
    if (!parsed) return 0;
    const std::size_t header =
        rtp_header_size + parsed->csrcs.size() + (parsed->extension ? 4 + parsed->extension->data.size() : 0);
    if (header > out.size()) return 0;
    std::copy_n(packet.begin(), header, out.begin());
    out[0] &= static_cast<std::uint8_t>(~0x20);  // padding stays behind
    out[1] = static_cast<std::uint8_t>((out[1] & 0x80) | (red_type_ & 0x7F));
    const std::size_t payload = packer_.pack(parsed->header.payload_type, parsed->header.time, parsed->payload,
                                             redundancy, out.subspan(header));
    return payload > 0 ? header + payload : 0;
}

void RedWrapper::pass(std::span<const std::uint8_t> packet) noexcept {
    if (const auto parsed = parse_rtp(packet))
        packer_.remember(parsed->header.payload_type, parsed->header.time, parsed->payload);
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/units.hpp"

namespace matriz::dsp {

/// One block of a RED payload (RFC 2198): what a packet of its own would have carried at `time`.
struct RedBlock {
    std::uint8_t payload_type = 0;
    RtpTime time;
    std::span<const std::uint8_t> payload;  ///< into the packet; may be empty
};

/// The blocks of one RED payload, oldest first as sent; the last is the primary one.
class RedBlocks {
  public:
    static constexpr std::size_t capacity = 8;

    const RedBlock* begin() const noexcept { return blocks_.data(); }
    const RedBlock* end() const noexcept { return blocks_.data() + size_; }
    std::size_t size() const noexcept { return size_; }
    const RedBlock& primary() const noexcept { return blocks_[size_ - 1]; }
    /// All but the primary one.
    std::span<const RedBlock> redundant() const noexcept { return {blocks_.data(), size_ - 1}; }

  private:
    friend std::optional<RedBlocks> parse_red(RtpTime, std::span<const std::uint8_t>) noexcept;
    std::array<RedBlock, capacity> blocks_{};
    std::size_t size_ = 0;
};

/// Takes the payload of a RED packet with the RTP timestamp `time` apart. Nothing when it is malformed or holds more
/// than RedBlocks::capacity blocks. RT-safe, any thread.
std::optional<RedBlocks> parse_red(RtpTime time, std::span<const std::uint8_t> payload) noexcept;

/// How much of the past rides along with each packet.
struct Redundancy {
    static constexpr int max_depth = 4;
    static constexpr int max_distance = 4;
    int depth = 0;     ///< 0–max_depth blocks
    int distance = 1;  ///< 1–max_distance packets from block to block: 2 outlives a burst of 2 at depth 1
    bool operator==(const Redundancy&) const = default;
};

/// Wraps the packets of one stream in RED. One thread; allocates in the constructor only.
class RedPacker {
  public:
    RedPacker();

    /// Writes the RED payload for `primary`, whose payload type is `block_type`, into `out` and remembers it for the
    /// packets to come. Of the blocks asked for, those are left out that are not there, are longer than 1023 bytes, lie
    /// further back than 14 bits of RTP time or, the most distant first, do not fit. Returns its size, 0 when not even
    /// the primary fits.
    std::size_t pack(std::uint8_t block_type, RtpTime time, std::span<const std::uint8_t> primary,
                     Redundancy redundancy, std::span<std::uint8_t> out) noexcept;

    /// Remembers `payload`, which is sent without RED, for the packets to come.
    void remember(std::uint8_t block_type, RtpTime time, std::span<const std::uint8_t> payload) noexcept;

    /// Forgets the past: what follows belongs to another stretch of time.
    void reset() noexcept { stored_ = 0; }

  private:
    struct Stored {
        std::uint8_t type = 0;
        RtpTime time;
        std::vector<std::uint8_t> bytes;
        std::size_t size = 0;
    };
    static constexpr std::size_t history = std::size_t{Redundancy::max_depth} * Redundancy::max_distance;

    const Stored& back(std::size_t packets) const noexcept { return ring_[(next_ + history - packets) % history]; }

    std::array<Stored, history> ring_;
    std::size_t next_ = 0;
    std::size_t stored_ = 0;
};

/// Turns whole RTP packets of one stream into RED ones: same sequence number, time and source, another payload type.
/// One thread; allocates in the constructor only.
class RedWrapper {
  public:
    explicit RedWrapper(std::uint8_t red_type) : red_type_(red_type) {}

    /// Writes the RED packet for `packet` into `out`, whose size is the limit. Returns its size, 0 when `packet` is
    /// malformed or does not fit.
    std::size_t wrap(std::span<const std::uint8_t> packet, Redundancy redundancy, std::span<std::uint8_t> out) noexcept;

    /// Remembers `packet`, which is sent as it is, for those to come.
    void pass(std::span<const std::uint8_t> packet) noexcept;

  private:
    std::uint8_t red_type_;
    RedPacker packer_;
};

}  // namespace matriz::dsp

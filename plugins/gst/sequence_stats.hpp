// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "common/base/units.hpp"

namespace matriz::plugin {

/// Counts what of a line of sequence numbers came, came twice, and did not come. One thread.
class SequenceStats {
  public:
    void add(SeqNo seq) noexcept {
        if (received_ == 0) return start(seq);
        const int ahead = distance(seq, highest_);
        if (ahead > most_dropout || ahead < -window) return restart(seq);
        ++received_;
        if (ahead > 0) {
            seen_ = ahead >= window ? 1 : (seen_ << ahead) | 1;
            highest_ = seq;
            expected_ += static_cast<std::uint64_t>(ahead);
            return;
        }
        const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(-ahead);
        if (-ahead >= window || (seen_ & bit) != 0) ++duplicates_;
        seen_ |= -ahead >= window ? 0 : bit;
    }

    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t duplicates() const noexcept { return duplicates_; }
    /// Fewer than 0 are never missing: a packet may come before it is missed.
    std::uint64_t lost() const noexcept {
        const std::uint64_t unique = received_ - duplicates_;
        return expected_ > unique ? expected_ - unique : 0;
    }

  private:
    static constexpr int window = 63;
    static constexpr int most_dropout = 3000;  // RFC 3550, A.1

    void start(SeqNo seq) noexcept {
        highest_ = seq;
        seen_ = 1;
        ++received_;
        ++expected_;
    }
    /// The sender began anew, or an old packet strayed in: neither is a loss.
    void restart(SeqNo seq) noexcept { start(seq); }

    SeqNo highest_{};
    std::uint64_t seen_ = 0;  ///< bit n: highest_ - n has come
    std::uint64_t received_ = 0;
    std::uint64_t expected_ = 0;
    std::uint64_t duplicates_ = 0;
};

}  // namespace matriz::plugin

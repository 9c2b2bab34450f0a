// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/source_filter.hpp"

#include <cstdlib>

namespace matriz::dsp {

SourceFilter::Verdict SourceFilter::judge(std::uint32_t ssrc, SeqNo seq, bool plausible, double now) noexcept {
    if (current_.count == 0) {
        current_ = {ssrc, seq, 1};
        last_heard_ = now;
        return Verdict::restart;
    }
    const int ahead = distance(seq, current_.highest);
    if (ssrc == current_.ssrc && std::abs(ahead) < reach && plausible) {
        if (ahead > 0) current_.highest = seq;
        last_heard_ = now;
        candidate_.count = 0;
        return Verdict::accept;
    }
    if (candidate_.count > 0 && candidate_.ssrc == ssrc && distance(seq, candidate_.highest) == 1) {
        candidate_.highest = seq;
        ++candidate_.count;
    } else {
        candidate_ = {ssrc, seq, 1};
    }
    if (candidate_.count < probation || now - last_heard_ < floor_time) return Verdict::reject;
    current_ = candidate_;
    candidate_.count = 0;
    last_heard_ = now;
    return Verdict::restart;
}

}  // namespace matriz::dsp

// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/transport/trials.hpp"

#include <utility>

namespace matriz::transport {

void Trials::start(Time now) {
    started_ = ended_ = now;
    hastened_ = false;
}

void Trials::begun(Time now) {
    begun_ = now;
    hastened_ = false;
}

Trials::Step Trials::ended(Time now, Step step) {
    ended_ = now;
    return step;
}

Trials::Step Trials::update(Time now, bool rtsp_plays, const Webrtc* trial) {
    if (trial == nullptr) {
        const bool silent = !rtsp_plays && now - started_ >= rtsp_patience;
        const bool due = now - ended_ >= (silent ? pause_in_silence : pause);
        return due || std::exchange(hastened_, false) ? Step::begin : Step::none;
    }
    if (trial->connected && trial->playing) return ended(now, Step::turn);
    // Somebody may be in between; what proves nothing is worth nothing then.
    if (trial->refused && !rtsp_tls_) return ended(now, Step::turn);
    if (trial->ever_connected && !trial->connected) return ended(now, Step::end_and_renew);
    if (!trial->connected && now - begun_ >= length) return ended(now, Step::end);
    return Step::none;
}

}  // namespace matriz::transport

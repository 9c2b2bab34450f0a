// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/quiet.hpp"

namespace matriz::webrtc {

bool Quiet::look(Time now, bool came, Time last_packet) {
    if (came) {
        looks_ = 0;
        return false;
    }
    ++looks_;
    const bool sounded = now - last_packet < interval * limit * 3 / 2;
    if (looks_ != (sounded ? limit : limit_of_pings) || now - last_ < pause) return false;
    last_ = now;
    return true;
}

}  // namespace matriz::webrtc

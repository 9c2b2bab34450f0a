// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/packet_pool.hpp"

#include "common/base/error.hpp"

namespace matriz::dsp {

namespace {
std::size_t checked(int capacity) {
    if (capacity < 1 || capacity >= PacketPool::none)
        throw Error("packet capacity {}: 1 to {} are possible", capacity, PacketPool::none - 1);
    return static_cast<std::size_t>(capacity);
}
}  // namespace

PacketPool::PacketPool(int capacity) : cells_(checked(capacity)), free_(cells_.size()), filled_(cells_.size()) {
    for (std::size_t i = 0; i < cells_.size(); ++i) free_.push(static_cast<Index>(i));
}

}  // namespace matriz::dsp
